/** Writes docs/reference/cli.md from the commands' own help: `npm run docs:cli`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const FILE = join(ROOT, 'docs/reference/cli.md')
const WIDTH = 110

async function document() {
  const { createProgram } = await createJiti(ROOT, { fsCache: false }).import(
    join(ROOT, 'packages/lovage/src/cli/program.ts'),
  )
  const program = createProgram()
  const help = (command) => {
    let text = ''
    command.configureHelp({ helpWidth: WIDTH, showGlobalOptions: false })
    command.configureOutput({
      writeOut: (part) => (text += part),
      getOutHelpWidth: () => WIDTH,
      getOutHasColors: () => false,
    })
    command.outputHelp()
    return text.trim()
  }
  const section = (title, text) => [`## ${title}`, '', '```text', text, '```', '']
  return [
    '<!-- Made by `npm run docs:cli` from the commands themselves: change it there. -->',
    '# Command line',
    '',
    'The package installs `lovage`, and the same as `celery`. The grammar is Celery’s: `lovage -A app COMMAND [options]`, the options of',
    'the first section before or after the command, `_` for `-` in long options. How a worker is run:',
    '[../guides/workers.md](../guides/workers.md). Beats and schedules: [../guides/schedules.md](../guides/schedules.md).',
    '',
    ...section('lovage', help(program)),
    ...program.commands.flatMap((command) => [
      ...section(`lovage ${command.name()}`, help(command)),
      ...command.commands.flatMap((sub) => section(`lovage ${command.name()} ${sub.name()}`, help(sub))),
    ]),
  ].join('\n')
}

/** For `npm run check`: findings, none if the page says what `--help` says. */
export async function cliDocIsFresh() {
  let written = ''
  try {
    written = readFileSync(FILE, 'utf8')
  } catch {
    // Not there yet: as stale as can be.
  }
  return written === (await document())
    ? []
    : ['docs/reference/cli.md differs from --help: run `npm run docs:cli`']
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, await document())
}

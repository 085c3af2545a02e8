/** Writes docs/reference/cli.md from the commands' own help: `npm run docs:cli`. */
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { madePage, ROOT } from './made-page.mjs'

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
    'The package installs the command `lovage`, also under the name `celery`. The grammar is Celery’s: `lovage -A app COMMAND [options]`, the options of',
    'the first section before or after the command, `_` for `-` in long options. Running workers:',
    '[../guides/workers.md](../guides/workers.md). Beats and schedules: [../guides/schedules.md](../guides/schedules.md).',
    '',
    ...section('lovage', help(program)),
    ...program.commands.flatMap((command) => [
      ...section(`lovage ${command.name()}`, help(command)),
      ...command.commands.flatMap((sub) => section(`lovage ${command.name()} ${sub.name()}`, help(sub))),
    ]),
  ].join('\n')
}

/** For `npm run check`. */
export const cliDocIsFresh = await madePage({
  script: import.meta.url,
  path: 'docs/reference/cli.md',
  from: '--help',
  command: 'docs:cli',
  document,
})

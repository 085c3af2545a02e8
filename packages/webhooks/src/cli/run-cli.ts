import { parseArgs } from 'node:util'
import { isLovageError } from 'lovage'
import { packageVersion } from '../domain/index.js'
import { COMMANDS } from './commands.js'
import { commandHelp, programHelp } from './help.js'
import { openHooks } from './open-hooks.js'
import {
  type Command,
  EXIT,
  exitCodeOf,
  GLOBAL_OPTIONS,
  parseOptions,
  textOf,
  UsageError,
} from './shared/command.js'
import { processOutput } from './shared/output.js'

/** Runs one command line; resolves to its exit code. Errors are already printed by then. */
export async function runCli(argv: readonly string[]): Promise<number> {
  try {
    return await run(argv)
  } catch (error) {
    process.stderr.write(`lovage-webhooks: ${error instanceof Error ? error.message : String(error)}\n`)
    if (isLovageError(error) && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
    if (error instanceof UsageError) process.stderr.write('Help: lovage-webhooks --help\n')
    return exitCodeOf(error)
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const command = commandIn(argv)
  if (!command && argv.includes('--version')) {
    process.stdout.write(`${packageVersion()}\n`)
    return EXIT.ok
  }
  if (!command) {
    if (argv.length > 0 && !argv.some((word) => ['-h', '--help', 'help'].includes(word)))
      throw new UsageError(
        `There is no command ${JSON.stringify(argv.find((word) => !word.startsWith('-')) ?? argv[0])}.`,
      )
    process.stdout.write(programHelp(COMMANDS))
    return argv.length === 0 ? EXIT.usage : EXIT.ok
  }
  const { values, positionals } = parsed(command, argv)
  if (values.help === true) {
    process.stdout.write(commandHelp(command))
    return EXIT.ok
  }
  const hooks = await openHooks(values)
  try {
    const run = {
      hooks,
      // The first word is the command itself.
      words: positionals.slice(1),
      given: values,
      tenant: textOf(values, 'tenant') ?? 'default',
      out: processOutput(values.json === true),
    }
    return (await command.run(run)) ?? EXIT.ok
  } finally {
    await hooks.app.close()
    await hooks.close()
  }
}

/** The command: the first word that no option takes as its value. */
function commandIn(argv: readonly string[]): Command | undefined {
  const { positionals } = parseArgs({
    args: [...argv],
    options: parseOptions(GLOBAL_OPTIONS),
    allowPositionals: true,
    strict: false,
  })
  return COMMANDS.find(({ name }) => name === positionals[0])
}

function parsed(command: Command, argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: parseOptions({ ...GLOBAL_OPTIONS, ...command.options }),
      allowPositionals: true,
      strict: true,
    })
  } catch (error) {
    // Its message names the option; it has no code of ours.
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

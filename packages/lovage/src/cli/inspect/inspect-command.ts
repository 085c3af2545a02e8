import { constants } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { type AskOptions, askNodes, withAskOptions } from '../shared/ask-nodes.js'
import { INSPECTIONS, ORDERS, type RemoteCommand } from '../shared/remote-commands.js'

/** `inspect` and `control`: queries and commands to running nodes, Python's included. */
export function addInspect(program: Command): void {
  add(program, 'inspect', 'query running workers', INSPECTIONS, INSPECT_EXAMPLES)
}

export function addControl(program: Command): void {
  add(program, 'control', 'control running workers', ORDERS, CONTROL_EXAMPLES)
    .option('--terminate', 'with a revocation: also stop running tasks')
    .option('--signal <name>', 'signal for children of a pool that are to stop (default: SIGTERM)', signalOf)
}

function add(
  program: Command,
  name: string,
  summary: string,
  commands: readonly RemoteCommand[],
  examples: string,
): Command {
  return withAskOptions(
    program
      .command(`${name} <method> [words...]`)
      .summary(summary)
      .description(
        `Queries the running workers, in any language, and prints each reply. Exit code 69 when no worker replies; revocations hold all the same, and exit with 0.`,
      ),
  )
    .addHelpText('after', `\nMethods:\n${listOf(commands)}\n${examples}`)
    .action(async (method: string, words: readonly string[], _options, command: Command) => {
      await askNodes(commands, [method, ...words], command.optsWithGlobals<AskOptions>())
    })
}

/** `KILL` and `SIGKILL` alike. */
function signalOf(text: string): string {
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  if (name in constants.signals) return name
  throw new InvalidArgumentError('it is not a signal.')
}

function listOf(commands: readonly RemoteCommand[]): string {
  const calls = commands.map(({ name, parameters }) => [name, ...parameters].join(' '))
  const width = Math.max(...calls.map((call) => call.length))
  return commands
    .map(({ summary }, place) => `  ${(calls[place] ?? '').padEnd(width)}  ${summary}`)
    .join('\n')
}

const INSPECT_EXAMPLES = `
Examples:
  $ lovage -A src/app.ts inspect active
  $ lovage -b redis://localhost inspect stats -d celery@box1 --json`

const CONTROL_EXAMPLES = `
Examples:
  $ lovage -A src/app.ts control rate_limit mail.send 10/m
  $ lovage -A src/app.ts control revoke 7d4f… --terminate
  $ lovage -A src/app.ts control shutdown -d celery@box1`

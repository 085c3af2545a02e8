import { type Command, InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../app/tasks/index.js'
import { PRIORITY } from '../../kernel/index.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { jsonList, jsonObject, parserOf, secondsOf } from '../shared/option-values.js'

interface CallCommandOptions extends GlobalOptions {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly eta?: Date
  readonly countdown?: number
  readonly expires?: Date | number
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
  readonly taskId?: string
  readonly priority?: number
  readonly serializer?: 'json' | 'msgpack' | 'yaml'
}

export function addCall(program: Command): void {
  program
    .command('call <task>')
    .summary('send a task by name and print its id')
    .description(
      'Sends a task by name and prints its id. The task may be implemented anywhere, also in Python.',
    )
    .option('-a, --args <json>', 'positional arguments, as a JSON list', jsonList)
    .option('-k, --kwargs <json>', 'keyword arguments, as a JSON object', jsonObject)
    .option('--eta <time>', 'do not run before this time, ISO 8601', timeOf)
    .option('--countdown <seconds>', 'do not run until this many seconds have passed', secondsOf)
    .option('--expires <time>', 'do not run after this time: ISO 8601, or seconds from now', timeOrSeconds)
    .option('--serializer <name>', 'json, msgpack or yaml')
    .option('--queue <name>', 'queue; default: as routed')
    .option('--exchange <name>', 'the exchange')
    .option('--routing-key <key>', 'the routing key')
    .option('--task-id <id>', 'task id; default: a new one')
    .option('--priority <n>', '0 to 9, higher first', parserOf(PRIORITY))
    .addHelpText('after', HELP)
    .action(async (task: string, _options, command: Command) => {
      const options = command.optsWithGlobals<CallCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      await useApp(options, 'settings', async ({ app }) => {
        if (app.tasks.names().length > 0 && !app.tasks.has(task) && !options.quiet)
          console.error(`${app.tasks.unknown(task).message} It is sent anyway; another worker may know it.`)
        const { args = [], kwargs = {} } = options
        const result = await app.sendTask(task, { args, kwargs, ...callOptions(options) })
        console.log(result.id)
      })
    })
}

function callOptions(options: CallCommandOptions): CallOptions {
  const names = [
    'eta',
    'countdown',
    'expires',
    'queue',
    'exchange',
    'routingKey',
    'taskId',
    'priority',
    'serializer',
  ] as const
  return Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  )
}

function timeOf(text: string): Date {
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Give a time such as 2027-01-01T09:00:00Z.')
  return time
}

const timeOrSeconds = (text: string): Date | number =>
  /^\d+(\.\d+)?$/.test(text) ? Number(text) : timeOf(text)

const HELP = `
Examples:
  $ lovage -A src/app.ts call math.add --args '[2, 3]'
  $ lovage -b redis://localhost call mail.send --kwargs '{"to": "ada"}' --countdown 60 --queue mail
  $ lovage -A src/app.ts result $(lovage -A src/app.ts call math.add -a '[2, 3]') --wait 10`

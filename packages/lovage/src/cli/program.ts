import { Command } from 'commander'
import { withGlobals } from './global-options.js'
import { collect } from './lists.js'
import { ownVersion } from './version.js'

/** Celery takes `--max_tasks_per_child` and `--max-tasks-per-child`; so do we. */
export function normaliseArguments(given: readonly string[]): string[] {
  return given.map((word) => {
    const [, name, rest] = /^(--[a-z][\w-]*)(.*)$/s.exec(word) ?? []
    return name === undefined ? word : name.replaceAll('_', '-') + rest
  })
}

/** The commands. What a command does is loaded when it is called. */
export function makeProgram(): Command {
  const program = withGlobals(new Command('lovage'))
    .description('Celery for TypeScript: workers, calls, queues and results of one app.')
    .version(ownVersion(), '--version')
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(lovage --help shows the commands, lovage COMMAND --help its options)')
    .addHelpText(
      'after',
      '\nExamples:\n  lovage -A src/app.ts worker -Q emails,default -c 50 -l info\n  lovage -A src/app.ts call shop.add --args "[2, 3]"\n  lovage -A src/app.ts queues',
    )
  addWorker(program)
  addCall(program)
  addQueues(program)
  addTools(program)
  return program
}

/** Adds a command that also takes the global options after its name. */
function command(program: Command, usage: string, description: string, example: string): Command {
  return withGlobals(program.command(usage))
    .description(description)
    .exitOverride()
    .addHelpText('after', `\nExample:\n  ${example}`)
}

/** Options of a worker that `dev` passes on as they are. */
function withWorkerOptions(worker: Command): Command {
  return worker
    .option(
      '-Q, --queues <names>',
      'queues in strict order, comma-separated (default: those of the settings)',
      collect,
    )
    .option('-X, --exclude-queues <names>', 'queues of the settings that this worker leaves out', collect)
    .option('-c, --concurrency <number>', 'tasks at once')
    .option('-n, --hostname <name>', 'name@%h; %h host, %n its first part, %d its domain')
    .option('-l, --loglevel <level>', 'debug, info, warning, error, critical', 'warning')
    .option('-f, --logfile <path>', 'JSON lines into a file, opened again on HUP')
    .option('-I, --include <modules>', 'modules to import for their tasks, repeatable', collect)
    .option('-P, --pool <kind>', 'async, prefork, threads, solo')
    .option('--purge', 'empty the queues first')
    .option('-E, --task-events', 'send task events')
    .option('-B, --beat', 'send scheduled tasks too')
    .option('-s, --schedule <path>', 'where the schedule is kept')
    .option('-D, --detach', 'run in the background')
    .option('--pidfile <path>', 'write the process id, refuse a second start')
    .option('-O, --optimization <profile>', 'fair; prefetching is fair anyway')
    .option('--prefetch-multiplier <number>', 'messages held per slot')
    .option('--time-limit <seconds>', 'hard limit')
    .option('--soft-time-limit <seconds>', 'soft limit')
    .option('--max-tasks-per-child <number>', 'replace a child after so many tasks')
    .option('--max-memory-per-child <KiB>', 'replace a child that is larger')
    .option('--autoscale <max,min>', 'grow and shrink the pool')
    .option('--processes <number>', 'workers under one supervisor')
    .option('--without-gossip', 'accepted: there is none')
    .option('--without-mingle', 'accepted: there is none')
    .option('--without-heartbeat', 'accepted: there is none')
}

function addWorker(program: Command): void {
  withWorkerOptions(
    command(
      program,
      'worker',
      'Run tasks until told to stop: TERM lets them finish, QUIT gives them back.',
      'lovage -A app.ts worker -Q a,b -c 4 -n name@%h -l info',
    ),
  ).action(async (_options, self: Command) => {
    const { worker } = await import('./commands/worker.js')
    await worker(self.optsWithGlobals())
  })
  withWorkerOptions(
    command(
      program,
      'dev',
      'A worker that starts again when a file changes.',
      'lovage -A src/app.ts dev -l info',
    ),
  )
    .option('--watch <folders>', 'folders to watch', collect)
    .action(async (_options, self: Command) => {
      const { dev } = await import('./commands/dev.js')
      await dev(self.optsWithGlobals())
    })
}

function addCall(program: Command): void {
  command(
    program,
    'call <task>',
    'Send a task by name; prints its id.',
    `lovage -A app.ts call shop.add --args '[2, 3]' --countdown 10`,
  )
    .option('-a, --args <json>', 'positional arguments, a JSON list', '[]')
    .option('-k, --kwargs <json>', 'named arguments, a JSON object', '{}')
    .option('--eta <time>', 'not before (ISO 8601)')
    .option('--countdown <seconds>', 'not before so many seconds have passed')
    .option('--expires <when>', 'not after: ISO 8601, or seconds from now')
    .option('--serializer <name>', 'json, msgpack, yaml')
    .option('--queue <name>', 'the queue')
    .option('--exchange <name>', 'the exchange')
    .option('--routing-key <key>', 'the routing key')
    .option('--priority <0-9>', 'higher first')
    .action(async (task: string, _options, self: Command) => {
      const { call } = await import('./commands/call.js')
      await call(task, self.optsWithGlobals())
    })
  command(
    program,
    'result <id>',
    'Show the result of a task.',
    'lovage -A app.ts result 3b766691-… --traceback',
  )
    .option('-t, --task <name>', "accepted for Celery's sake; results are found by id")
    .option('--traceback', 'show the traceback instead')
    .option('--json', 'everything that is stored, as JSON')
    .action(async (id: string, _options, self: Command) => {
      const { result } = await import('./commands/result.js')
      await result(id, self.optsWithGlobals())
    })
}

function addQueues(program: Command): void {
  command(
    program,
    'queues [names...]',
    'Count the messages of the queues: ready, delayed, claimed, dead letters.',
    'lovage -A app.ts queues --json',
  )
    .option('--json', 'as JSON')
    .action(async (names: string[], _options, self: Command) => {
      const { queues } = await import('./commands/queues.js')
      await queues(names, self.optsWithGlobals())
    })
  command(
    program,
    'purge [queues...]',
    'Remove all waiting messages, of the queues named or of all; claimed ones stay.',
    'lovage -A app.ts purge emails',
  )
    .option('-f, --force', 'do not ask')
    .option('-Q, --queues <names>', 'the same as naming them', collect)
    .option('-X, --exclude-queues <names>', 'all but these', collect)
    .action(async (names: string[], _options, self: Command) => {
      const { purge } = await import('./commands/purge.js')
      await purge(names, self.optsWithGlobals())
    })
}

function addTools(program: Command): void {
  command(
    program,
    'report',
    'Show versions and settings, secrets masked: what to put into a bug report.',
    'lovage -A app.ts report',
  ).action(async (_options, self: Command) => {
    const { report } = await import('./commands/report.js')
    await report(self.optsWithGlobals())
  })
  command(program, 'shell', 'A REPL with app, tasks and AsyncResult.', 'lovage -A app.ts shell').action(
    async (_options, self: Command) => {
      const { shell } = await import('./commands/shell.js')
      await shell(self.optsWithGlobals())
    },
  )
}

import { type Command, Option } from 'commander'
import { countOf, secondsOf } from '../shared/option-values.js'
import { addWorkerOptions, refuseNotYet, umaskOf, type WorkerCommandOptions } from './worker-options.js'

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .summary('run a worker')
    .description('Runs a worker: takes messages from queues and runs their tasks until it is stopped.')
    .option('-D, --detach', 'run in the background; needs --logfile')
    .option(
      '--processes <n>',
      'run this many worker processes under a supervisor that restarts them if they crash; they are named <name>-1@<host> and so on',
      countOf,
    )
    .addOption(
      new Option(
        '--exit-when-idle [seconds]',
        'end with exit code 0 when there was nothing to do, and nothing waits, for this long (10 when no number is given)',
      )
        .preset('10')
        .argParser(secondsOf),
    )
    .option(
      '--max-runtime <seconds>',
      'claim no more after this long, finish the running tasks however long they take, and end with exit code 0',
      secondsOf,
    )
    .option('--uid <user>', 'run as this user, by name or number')
    .option('--gid <group>', 'run as this group, by name or number')
    .option('--umask <octal>', 'file mask', umaskOf)
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const { runWorker } = await import('./run-worker.js')
      process.exitCode = await runWorker(command.optsWithGlobals<WorkerCommandOptions>())
    })
  addWorkerOptions(command, { loglevel: 'warning' })
  refuseNotYet(command)
}

const HELP = `
Signals:
  TERM, first Ctrl+C   warm: finish the running tasks within workerShutdownTimeout (30 s), claim no more; exit code 0
  QUIT, second Ctrl+C  cold: hand the running tasks back at once; exit code 1. With workerSoftShutdownTimeout, soft
                       comes first: finish within that time
  HUP                  warm, then start again with the same arguments; --processes: one after the other
  USR1                 write what runs into the log
  USR2                 open the log file anew
Nothing is lost either way, nor by kill -9: what a dead worker held returns when its lease ends.

Examples:
  $ lovage -A src/app.ts worker -l info
  $ lovage -A src/app.ts worker -Q critical,mail -c 50 -n mailer@%h
  $ lovage -A src/app.ts worker -P prefork -c 4 --time-limit 300 --max-tasks-per-child 1000
  $ lovage -A src/app.ts worker --processes 4 --pidfile /run/mailer.pid
  $ lovage -A src/app.ts worker -D -f /var/log/mailer.log --pidfile /run/mailer.pid`

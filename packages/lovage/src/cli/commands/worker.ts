import type { Command } from 'commander'
import { addWorkerOptions, refuseNotYet, type WorkerCommandOptions } from './worker-options.js'

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .summary('run a worker')
    .description('Runs a worker: takes messages from queues, runs their tasks, until it is stopped.')
    .option('-D, --detach', 'run in the background; needs --logfile')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const { runWorker } = await import('../run-worker.js')
      process.exitCode = await runWorker(command.optsWithGlobals<WorkerCommandOptions>())
    })
  addWorkerOptions(command, { loglevel: 'warning' })
  refuseNotYet(command)
}

const HELP = `
Signals:
  TERM, first Ctrl+C   warm: finish the running tasks, claim no more; exit code 0
  QUIT, second Ctrl+C  cold: hand the running tasks back at once; exit code 1
  HUP                  open the log file anew
Nothing is lost either way, nor by kill -9: what a dead worker held returns when its lease ends.

Examples:
  $ lovage -A src/app.ts worker -l info
  $ lovage -A src/app.ts worker -Q critical,mail -c 50 -n mailer@%h
  $ lovage -A src/app.ts worker -D -f /var/log/mailer.log --pidfile /run/mailer.pid`

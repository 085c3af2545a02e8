import type { Command } from 'commander'
import { addWorkerOptions, refuseNotYet, type WorkerCommandOptions } from '../worker/worker-options.js'

export function addDev(program: Command): void {
  const command = program
    .command('dev')
    .summary('run a worker, and restart it at every change')
    .description(
      'Runs a worker and restarts it when a file changes. Running tasks are finished, or handed back.',
    )
    .option('--watch <folder>', 'watch this folder (default: that of the nearest package.json above the app)')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const { runDev } = await import('./run-dev.js')
      process.exitCode = await runDev(command.optsWithGlobals<WorkerCommandOptions & { watch?: string }>())
    })
  addWorkerOptions(command, { loglevel: 'info' })
  refuseNotYet(command)
}

const HELP = `
Takes the options of worker. node_modules, dist, and folders whose names begin with a dot are not watched.

Example:
  $ lovage -A src/app.ts dev -Q mail`

import { Command } from 'commander'
import { packageVersion } from '../kernel/index.js'
import { addAmqp } from './commands/amqp.js'
import { addBeat } from './commands/beat.js'
import { addCall } from './commands/call.js'
import { addCheck } from './commands/check.js'
import { addDb } from './commands/db.js'
import { addDead } from './commands/dead.js'
import { addDev } from './commands/dev.js'
import { addDoctor } from './commands/doctor.js'
import { addEvents } from './commands/events.js'
import { addExporter } from './commands/exporter.js'
import { addGraph } from './commands/graph.js'
import { addHealth } from './commands/health.js'
import { addControl, addInspect } from './commands/inspect.js'
import { addList } from './commands/list.js'
import { addLogtool } from './commands/logtool.js'
import { addMigrate, addMigrateQueue } from './commands/migrate.js'
import { addMulti } from './commands/multi.js'
import { addPause, addResume } from './commands/pause.js'
import { addPurge } from './commands/purge.js'
import { addQueue } from './commands/queue.js'
import { addQueues } from './commands/queues.js'
import { addReport } from './commands/report.js'
import { addResult } from './commands/result.js'
import { addSchedule } from './commands/schedule.js'
import { addShell } from './commands/shell.js'
import { addStatus } from './commands/status.js'
import { addWorker } from './commands/worker.js'

/**
 * The whole command line. Commands define their options here at once, and load what they need when they run, so that
 * `--help` and every start pay for nothing else.
 */
export function createProgram(): Command {
  const program = new Command('lovage')
  program
    .usage('[-A APP] COMMAND [options]')
    .description('Celery for TypeScript: run workers, send tasks, now and periodically, look into queues.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .exitOverride()
    .showHelpAfterError('See --help.')
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .option(
      '-A, --app <app>',
      'the app: a path, or a dotted name, and an export if need be (src/app.ts, proj.tasks:app)',
    )
    .option('-b, --broker <url>', 'where messages are; the code of the app has precedence')
    .option('--result-backend <url>', 'where results are; the code of the app has precedence')
    .option('--config <module>', 'a module that exports settings')
    .option('--workdir <folder>', 'change to this folder first')
    .option('-C, --no-color', 'no colours')
    .option('-q, --quiet', 'nothing but results and errors')
    .addHelpText('after', HELP)
  for (const add of [
    addWorker,
    addMulti,
    addDev,
    addBeat,
    addSchedule,
    addCall,
    addResult,
    addStatus,
    addInspect,
    addControl,
    addEvents,
    addQueues,
    addQueue,
    addPause,
    addResume,
    addHealth,
    addExporter,
    addPurge,
    addDead,
    addMigrate,
    addMigrateQueue,
    addDb,
    addReport,
    addDoctor,
    addCheck,
    addList,
    addGraph,
    addLogtool,
    addAmqp,
    addShell,
  ])
    add(program)
  return program
}

const HELP = `
The options above may stand before or after the command. Without -A the app is what CELERY_APP names, or the
field "lovage" of the nearest package.json. TypeScript is loaded as it is.

Examples:
  $ lovage -A src/app.ts worker -l info        run a worker
  $ lovage -A src/app.ts dev                   the same, started again at every change
  $ lovage -A src/app.ts call math.add --args '[2, 3]'
  $ lovage -A src/app.ts queues                what waits where

Exit codes: 0 done; 1 failed; 64 wrong usage; 69 nobody answers; 78 wrong configuration.`

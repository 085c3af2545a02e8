import { Command } from 'commander'
import { packageVersion } from '../process/index.js'
import { addAmqp } from './amqp/amqp-command.js'
import { addBeat } from './beat/beat-command.js'
import { addCall } from './call/call-command.js'
import { addCheck } from './check/check-command.js'
import { addDashboard } from './dashboard/dashboard-command.js'
import { addDb } from './db/db-command.js'
import { addDead } from './dead/dead-command.js'
import { addDev } from './dev/dev-command.js'
import { addDoctor } from './doctor/doctor-command.js'
import { addEvents } from './events/events-command.js'
import { addExporter } from './exporter/exporter-command.js'
import { addGraph } from './graph/graph-command.js'
import { addHealth } from './health/health-command.js'
import { addControl, addInspect } from './inspect/inspect-command.js'
import { addList } from './list/list-command.js'
import { addLogtool } from './logtool/logtool-command.js'
import { addMigrate, addMigrateQueue } from './migrate/migrate-command.js'
import { addMulti } from './multi/multi-command.js'
import { addPause, addResume } from './pause/pause-command.js'
import { addPurge } from './purge/purge-command.js'
import { addQueue } from './queue/queue-command.js'
import { addQueues } from './queues/queues-command.js'
import { addReport } from './report/report-command.js'
import { addResult } from './result/result-command.js'
import { addSchedule } from './schedule/schedule-command.js'
import { addShell } from './shell/shell-command.js'
import { addStatus } from './status/status-command.js'
import { addTasks } from './tasks/tasks-command.js'
import { addTop } from './top/top-command.js'
import { addWorker } from './worker/worker-command.js'

/**
 * Builds the whole command line. Commands define their options at once, and load their dependencies when they run, so that `--help` and
 * every start stay cheap.
 */
export function createProgram(): Command {
  const program = new Command('lovage')
  program
    .usage('[-A APP] COMMAND [options]')
    .description('Celery for TypeScript: run workers, send tasks now or periodically, inspect queues.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .exitOverride()
    .showHelpAfterError('See --help.')
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .option(
      '-A, --app <app>',
      'the app: a path or a dotted name, optionally with an export (src/app.ts, proj.tasks:app)',
    )
    .option('-b, --broker <url>', 'URL of the broker; the app’s code takes precedence')
    .option('--result-backend <url>', 'URL of the result backend; the app’s code takes precedence')
    .option('--config <module>', 'a module that exports settings')
    .option('--workdir <folder>', 'change to this folder first')
    .option('-C, --no-color', 'disable colours')
    .option('-q, --quiet', 'print only results and errors')
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
    addDashboard,
    addTop,
    addTasks,
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
field "lovage" of the nearest package.json. TypeScript is loaded without a build step.

Examples:
  $ lovage -A src/app.ts worker -l info        run a worker
  $ lovage -A src/app.ts dev                   the same, restarted at every change
  $ lovage -A src/app.ts call math.add --args '[2, 3]'
  $ lovage -A src/app.ts queues                what waits where

Exit codes: 0 done; 1 failed; 64 wrong usage; 69 nobody answers; 78 wrong configuration.`

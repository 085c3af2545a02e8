import { openSchedules } from '../../beat/index.js'
import { type LogLevel, setDefaultLogger } from '../../kernel/index.js'
import { fileNameFrom, nodeNameFrom, runBeat, takePidFile } from '../../node/index.js'
import { packageVersion } from '../../process/index.js'
import { detach, isToDetach, tellStarted } from '../shared/detach.js'
import { enterWorkdir, type GlobalOptions, openApp, sourceOf } from '../shared/open-app.js'
import { printSchedule } from '../shared/print-schedule.js'
import { letAppSetLogger, openProcessLog } from '../shared/process-log.js'
import { useApp } from '../shared/use-app.js'

/** The options of `beat`. */
export interface BeatCommandOptions extends GlobalOptions {
  readonly schedule?: string
  readonly maxInterval?: number
  readonly list?: boolean
  readonly json?: boolean
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly logformat?: string
  readonly pidfile?: string
  readonly detach?: boolean
  readonly scheduler?: string
}

/** Runs a beat from the command line; resolves to the exit code. */
export async function runBeatCommand(options: BeatCommandOptions): Promise<number> {
  enterWorkdir(options)
  const hostname = nodeNameFrom('beat@%h')
  if (isToDetach(options)) return detach(options, hostname)
  const log = await openProcessLog(options, hostname)
  setDefaultLogger(log.logger)
  process.title = `lovage (celery) ${hostname}`
  const releasePidFile =
    options.pidfile === undefined ? undefined : takePidFile(fileNameFrom(options.pidfile, hostname))
  try {
    const source = sourceOf(options, [], { workerLogFormat: options.logformat })
    const { app, core } = await openApp(options, 'tasks', source)
    await letAppSetLogger(app, hostname, log)
    if (options.scheduler !== undefined) {
      app.logger.warn(
        {},
        `-S ${options.scheduler} has no effect: there is one scheduler; -s says where it keeps the schedule`,
      )
    }
    tellStarted()
    await runBeat(core, {
      hostname,
      ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
      ...(options.maxInterval === undefined ? {} : { maxIntervalMs: options.maxInterval * 1000 }),
      onConnected({ broker, schedule }) {
        if (log.format !== 'pretty' || options.quiet) return
        const rows = [
          ['app', app.main],
          ['broker', broker],
          ['schedule', schedule],
          ['time zone', app.conf.timezone],
        ]
        const lines = rows.map(([label = '', value]) => `  ${label.padEnd(11)}${value}`)
        process.stderr.write(
          ['', `lovage ${packageVersion()}  beat  (pid ${process.pid})`, '', ...lines, '', ''].join('\n'),
        )
      },
    })
    return 0
  } finally {
    releasePidFile?.()
  }
}

/** `lovage beat --list` */
export function listSchedule(options: BeatCommandOptions): Promise<0> {
  return useApp(options, 'tasks', async ({ core }) => {
    await using schedules = await openSchedules(
      core,
      options.schedule === undefined ? {} : { schedule: options.schedule },
    )
    printSchedule(await schedules.list(), options)
    return 0 as const
  })
}

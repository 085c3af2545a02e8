import { ConfigurationError, type LogLevel, setDefaultLogger, stayAlive } from '../../kernel/index.js'
import { Exporter } from '../../node/index.js'
import { enterWorkdir, type GlobalOptions, openApp } from '../shared/open-app.js'
import { openProcessLog } from '../shared/process-log.js'

/** The options of `exporter`. */
export interface ExporterCommandOptions extends GlobalOptions {
  readonly port: number
  readonly host: string
  readonly buckets?: readonly number[]
  readonly metricPrefix: string
  readonly purgeOfflineWorkerMetrics: number
  readonly enableEvents: boolean
  readonly dogstatsd?: string
  readonly loglevel: LogLevel
}

/** Runs an exporter until a signal ends it; resolves to the exit code. */
export async function runExporter(options: ExporterCommandOptions): Promise<number> {
  enterWorkdir(options)
  const log = await openProcessLog(options, 'exporter')
  setDefaultLogger(log.logger)
  const { app, core } = await openApp(options, 'settings')
  const ended = new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve())
  })
  try {
    const exporter = await Exporter.start(core, {
      port: options.port,
      host: options.host,
      prefix: options.metricPrefix,
      forgetWorkersAfter: options.purgeOfflineWorkerMetrics,
      enableEvents: options.enableEvents,
      ...(options.buckets ? { buckets: options.buckets } : {}),
      ...(options.dogstatsd === undefined ? {} : { dogstatsd: agentAt(options.dogstatsd) }),
    })
    if (!options.quiet)
      process.stderr.write(`Metrics of the fleet at http://${options.host}:${exporter.port}/metrics\n`)
    await stayAlive(ended)
    await exporter.stop()
    return 0
  } finally {
    await app.close()
  }
}

function agentAt(address: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(address) ?? []
  if (host === undefined)
    throw new ConfigurationError(`${address} is not the address of an agent.`, {
      code: 'LVG_USAGE',
      hint: 'Write --dogstatsd 127.0.0.1:8125.',
    })
  return { host, port: Number(port) }
}

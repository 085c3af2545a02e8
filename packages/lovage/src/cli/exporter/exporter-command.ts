import { type Command, InvalidArgumentError, Option } from 'commander'
import { LEVELS, levelOf } from '../shared/log-options.js'
import { portOf, secondsOf } from '../shared/option-values.js'
import type { ExporterCommandOptions } from './run-exporter.js'

export function addExporter(program: Command): void {
  program
    .command('exporter')
    .summary('serve metrics of the whole fleet')
    .description(
      'Collects the events of workers in any language and the state of the broker’s queues, and serves metrics for Prometheus, under the names of celery-exporter and of Flower.',
    )
    .option('-p, --port <port>', 'serve /metrics and /health on this port', portOf, 9808)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--buckets <seconds>', 'upper bounds of the histograms: 0.1,0.5,1,5', bucketsOf)
    .option('--metric-prefix <prefix>', 'prefix of celery-exporter’s metric names', 'celery_')
    .option(
      '--purge-offline-worker-metrics <seconds>',
      'drop the metrics of a worker that has been offline this long',
      secondsOf,
      600,
    )
    .option('--no-enable-events', 'do not ask workers to send task events; start them with -E then')
    .option('--dogstatsd <address>', 'also send runtimes to this Datadog agent: 127.0.0.1:8125')
    .addOption(
      new Option('-l, --loglevel <level>', 'log level').choices(LEVELS).argParser(levelOf).default('warning'),
    )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ExporterCommandOptions>()
      const { runExporter } = await import('./run-exporter.js')
      process.exitCode = await runExporter(options)
    })
}

function bucketsOf(text: string): readonly number[] {
  const bounds = text.split(',').map(Number)
  if (bounds.some((bound, place) => !(bound > (bounds[place - 1] ?? 0))))
    throw new InvalidArgumentError('Give increasing numbers of seconds, separated by commas.')
  return bounds
}

const HELP = `
Examples:
  $ lovage -b redis://localhost exporter
  $ lovage -A src/app.ts exporter --port 9808 --host 0.0.0.0`

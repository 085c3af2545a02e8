import { type Command, InvalidArgumentError, Option } from 'commander'
import { LEVELS, levelOf } from '../shared/log-options.js'
import type { ExporterCommandOptions } from './run-exporter.js'

export function addExporter(program: Command): void {
  program
    .command('exporter')
    .summary('serve metrics of the whole fleet')
    .description(
      'Listens to the events of workers in any language, asks the broker for its queues, and serves what they add up to for Prometheus, under the names of celery-exporter and of Flower.',
    )
    .option('-p, --port <port>', 'serve /metrics and /health here', portOf, 9808)
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--buckets <seconds>', 'upper bounds of the histograms: 0.1,0.5,1,5', bucketsOf)
    .option('--metric-prefix <prefix>', 'begins the names that are celery-exporter’s', 'celery_')
    .option(
      '--purge-offline-worker-metrics <seconds>',
      'forget the numbers of a worker that has been gone so long',
      Number,
      600,
    )
    .option('--no-enable-events', 'do not ask workers to tell of their tasks; start them with -E then')
    .option('--dogstatsd <address>', 'send runtimes to this Datadog agent too: 127.0.0.1:8125')
    .addOption(
      new Option('-l, --loglevel <level>', 'how much is logged')
        .choices(LEVELS)
        .argParser(levelOf)
        .default('warning'),
    )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ExporterCommandOptions>()
      const { runExporter } = await import('./run-exporter.js')
      process.exitCode = await runExporter(options)
    })
}

function portOf(text: string): number {
  const port = Number(text)
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw new InvalidArgumentError('It is a number below 65536.')
  return port
}

function bucketsOf(text: string): readonly number[] {
  const bounds = text.split(',').map(Number)
  if (bounds.some((bound, place) => !(bound > (bounds[place - 1] ?? 0))))
    throw new InvalidArgumentError('They are growing numbers of seconds, with commas between them.')
  return bounds
}

const HELP = `
Examples:
  $ lovage -b redis://localhost exporter
  $ lovage -A src/app.ts exporter --port 9808 --host 0.0.0.0`

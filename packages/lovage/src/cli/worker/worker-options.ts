import { type Command, InvalidArgumentError, Option } from 'commander'
import { CapabilityError, type LogLevel, whole } from '../../kernel/index.js'
import { commaList } from '../shared/argv.js'
import { LEVELS, LOG_FORMAT, levelOf } from '../shared/log-options.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { countOf, parserOf, portOf, secondsOf } from '../shared/option-values.js'

const POOLS = ['auto', 'async', 'prefork', 'threads', 'solo', 'gevent', 'eventlet'] as const

/** The options of `worker` and `dev`. */
export interface WorkerCommandOptions extends GlobalOptions {
  readonly hostname?: string
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly logformat?: string
  readonly pidfile?: string
  readonly detach?: boolean
  readonly processes?: number
  readonly uid?: string
  readonly gid?: string
  readonly umask?: string
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
  readonly include?: readonly string[]
  readonly concurrency?: number
  readonly pool?: (typeof POOLS)[number]
  readonly optimization?: string
  readonly prefetchMultiplier?: number
  readonly autoscale?: { readonly max: number; readonly min: number }
  readonly timeLimit?: number
  readonly softTimeLimit?: number
  readonly maxTasksPerChild?: number
  readonly maxMemoryPerChild?: number
  readonly metricsPort?: number
  readonly metricsHost?: string
  readonly beat?: boolean
  readonly schedule?: string
  readonly purge?: boolean
  readonly statedb?: string
  readonly withoutGossip?: boolean
  readonly withoutMingle?: boolean
  readonly taskEvents?: boolean
  readonly heartbeatInterval?: number
  readonly withoutHeartbeat?: boolean
  readonly exitWhenIdle?: number
  readonly maxRuntime?: number
}

/** Adds Celery's worker options to a command. */
export function addWorkerOptions(command: Command, defaults: { readonly loglevel: LogLevel }): Command {
  return command
    .option(
      '-n, --hostname <name>',
      'node name: %h machine, %n machine without domain, %d domain (default: celery@%h)',
    )
    .addOption(
      new Option('-l, --loglevel <level>', 'log level')
        .choices(LEVELS)
        .argParser(levelOf)
        .default(defaults.loglevel),
    )
    .option('-f, --logfile <file>', 'log to this file; %n and %h are parts of the node name')
    .option('--logformat <format>', LOG_FORMAT)
    .option('--metrics-port <port>', 'serve /metrics and /health on this port', portOf)
    .option('--metrics-host <address>', 'address to serve them on (default: 127.0.0.1)')
    .option(
      '--pidfile <file>',
      'write the process id to this file, and refuse to start while that process is running',
    )
    .option(
      '-Q, --queues <names>',
      'queues to consume, in this order; repeatable, comma-separated (default: those of the settings)',
      commaList,
    )
    .option(
      '-X, --exclude-queues <names>',
      'queues of the settings not to consume; repeatable, comma-separated',
      commaList,
    )
    .option('-I, --include <modules>', 'modules to import first; repeatable, comma-separated', commaList)
    .option(
      '-c, --concurrency <n>',
      'tasks at once (default: 100; with prefork and threads one per processor)',
      countOf,
    )
    .addOption(
      new Option(
        '-P, --pool <pool>',
        'how tasks run: on this event loop (async), in child processes (prefork), in threads, or one at a time (solo); auto is prefork where a hard limit or a limit per child is set, else async (default: auto)',
      ).choices(POOLS),
    )
    .option(
      '--autoscale <max,min>',
      'grow the pool up to max while tasks wait, shrink it down to min when idle',
      boundsOf,
    )
    .option('--time-limit <seconds>', 'hard time limit: a run is stopped after this long', secondsOf)
    .option(
      '--soft-time-limit <seconds>',
      'soft time limit: the signal of a run is aborted with SoftTimeLimitExceeded after this long',
      secondsOf,
    )
    .option('--max-tasks-per-child <n>', 'replace a child after this many tasks', countOf)
    .option(
      '--max-memory-per-child <kib>',
      'replace a child between two tasks when it holds more resident memory than this, in KiB',
      countOf,
    )
    .option(
      '--prefetch-multiplier <n>',
      'messages held per slot, the running one included (default: 1)',
      parserOf(whole(0)),
    )
    .option('-B, --beat', 'also send periodic tasks; with several such workers, one of them does it')
    .option(
      '-s, --schedule <store>',
      'with -B: where the schedule is stored, a file or a URL (default: beside the messages)',
    )
    .option('-E, --task-events', 'send task events, for monitors; can be toggled while the worker runs')
    .option('--heartbeat-interval <seconds>', 'seconds between heartbeats; 0 = none (default: 2)', secondsOf)
    .option('--without-heartbeat', 'send no worker events, so that monitors do not see this worker')
    .option('--discard, --purge', 'remove all messages from the queues before consuming')
    .addOption(
      new Option(
        '-O, --optimization <how>',
        'accepted for compatibility with Celery: distribution is always fair',
      ).choices(['default', 'fair']),
    )
    .addOption(
      new Option(
        '-S, --statedb <file>',
        'accepted for compatibility with Celery: revokes are stored beside the broker',
      ).hideHelp(),
    )
    .addOption(
      new Option('--without-gossip', 'accepted for compatibility with Celery: there is none').hideHelp(),
    )
    .addOption(
      new Option(
        '--without-mingle',
        'do not ask all other workers for one of the same name: for fleets of many hundreds',
      ),
    )
}

/** Celery options whose feature this version lacks, and the missing feature. */
export const NOT_YET: readonly (readonly [flags: string, lacks: string])[] = [
  ['--scheduler <name>', 'there is one scheduler'],
]

/** Makes each of these options a clear error, rather than silently ignored. */
export function refuseNotYet(command: Command): void {
  for (const [flags, lacks] of NOT_YET) {
    const option = new Option(flags, lacks).hideHelp()
    command.addOption(option)
    command.on(`option:${option.name()}`, () => {
      throw new CapabilityError(`${option.long ?? flags} is not part of this version: ${lacks}.`, {
        code: 'LVG_CAPABILITY_MISSING',
        hint: 'Start the worker without it.',
      })
    })
  }
}

/** `10,3`; a single maximum implies a minimum of 1, where Celery's is 0. */
function boundsOf(value: string): { readonly max: number; readonly min: number } {
  const [, max, min = '1'] = /^(\d+)(?:,(\d+))?$/.exec(value) ?? []
  const bounds = { max: Number(max), min: Math.max(1, Number(min)) }
  if (max === undefined || bounds.max < bounds.min)
    throw new InvalidArgumentError('Give the maximum number of slots, then the minimum: 10,3.')
  return bounds
}

/** Celery writes 022 and 0o22. */
export function umaskOf(value: string): string {
  const digits = value.replace(/^0o/i, '')
  if (!/^[0-7]{1,4}$/.test(digits)) throw new InvalidArgumentError('Give an octal number such as 022.')
  return digits
}

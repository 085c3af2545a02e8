import { hostname as machineName } from 'node:os'
import { ConfigurationError, described, whole } from '../kernel/index.js'
import type { AutoscaleBounds } from './autoscaler.js'
import type { BootStep } from './boot-step.js'
import type { WorkerPool } from './pools/pool.js'

/** Options of a worker; anything absent comes from the app's settings. */
export interface WorkerOptions {
  /** Queues in strict order. Default: those of the settings. */
  readonly queues?: readonly string[]
  /** Concurrent tasks. Default `workerConcurrency`, else 100. */
  readonly concurrency?: number
  /** Messages held per slot, the running one included. Default `workerPrefetchMultiplier`. */
  readonly prefetchMultiplier?: number
  /** `name@host`. Default `celery@<this host>`. */
  readonly hostname?: string
  /** Default: an asynchronous pool. @internal */
  readonly pool?: WorkerPool
  /** Bounds within which the pool grows when tasks wait, and shrinks when slots are idle. Default: it keeps its size. */
  readonly autoscale?: AutoscaleBounds
  /** Steps that start and stop with the worker, before the app's own steps. */
  readonly steps?: readonly BootStep[]
}

/** The worker name that these options give. */
export const nodeNameOf = ({ hostname }: WorkerOptions): string => hostname ?? `celery@${machineName()}`

const NUMBERS = { concurrency: whole(1), prefetchMultiplier: whole(0) } as const

/** @throws {ConfigurationError} LVG_CONFIG_INVALID */
export function checkWorkerOptions(options: WorkerOptions): void {
  for (const option of ['concurrency', 'prefetchMultiplier'] as const) {
    const value: unknown = options[option]
    if (value !== undefined && !NUMBERS[option].accepts(value))
      throw new ConfigurationError(
        `A worker’s ${option} must be ${NUMBERS[option].expects}, not ${described(value)}.`,
        { code: 'LVG_CONFIG_INVALID', details: { option } },
      )
  }
}

import { hostname as machineName } from 'node:os'
import type { AutoscaleBounds } from './autoscaler.js'
import type { BootStep } from './boot-step.js'
import type { WorkerPool } from './pools/pool.js'

/** How a worker runs; what is absent comes from the app's settings. */
export interface WorkerOptions {
  /** Queues in strict order. Default: those of the settings. */
  readonly queues?: readonly string[]
  /** Tasks at once. Default `workerConcurrency`, else 100. */
  readonly concurrency?: number
  /** Messages held per slot, the running one included. Default `workerPrefetchMultiplier`. */
  readonly prefetchMultiplier?: number
  /** `name@host`. Default `celery@<this host>`. */
  readonly hostname?: string
  /** Default: an asynchronous pool. */
  readonly pool?: WorkerPool
  /** How far the pool may grow when tasks wait, and shrink when slots are idle. Default: it keeps its size. */
  readonly autoscale?: AutoscaleBounds
  /** What starts and stops with the worker, before the app's own steps. */
  readonly steps?: readonly BootStep[]
}

/** The name of the worker that these options make. */
export const nodeNameOf = ({ hostname }: WorkerOptions): string => hostname ?? `celery@${machineName()}`

import type { Claim } from './claim.js'
import type { WorkerLimits } from './limits/worker-limits.js'
import type { WorkerPool } from './pools/pool.js'
import type { PutAside } from './put-aside.js'
import type { TimeLimits } from './time-limits.js'

/**
 * How a worker ends: `warm` lets running tasks finish, within `workerShutdownTimeout`; `soft` within `workerSoftShutdownTimeout`; `cold` gives
 * them back at once.
 */
export type StopKind = 'warm' | 'soft' | 'cold'

/** What the parts of a worker see of it. */
export interface RunningWorker {
  /** `name@host`. */
  readonly hostname: string
  readonly pool: WorkerPool
  /** undefined = the pool keeps its size. */
  readonly autoscaler: { bounds: { readonly max: number; readonly min: number } } | undefined
  /** How long runs may take; changed here at run time. */
  readonly timeLimits: TimeLimits
  /** What is revoked, paused and limited. */
  readonly limits: WorkerLimits
  /** The queues that are consumed, in strict order. */
  readonly queues: readonly string[]
  /** Tasks that run here now. */
  readonly active: readonly Claim[]
  /** Tasks that it has put aside until their time. */
  readonly putAside: Pick<PutAside, 'list'>
  /** Tasks that wait here for a slot. */
  readonly reserved: readonly Claim[]
  /** How many tasks of each name have ended here, whatever their end. */
  readonly totals: ReadonlyMap<string, number>
  /** Tasks that have ended here, whatever their end. */
  readonly processed: number
  /** Consumes other queues from now on; what is held of a queue that is left stays held. */
  setQueues(queues: readonly string[]): Promise<void>
  /** Changes how many tasks run at once. */
  resize(slots: number): Promise<void>
}

/**
 * A part that starts and stops with a worker: Celery's boot step. Remote control, health and metrics are such parts,
 * and an app's own may be.
 */
export interface BootStep {
  /** For log lines. */
  readonly name: string
  /** The worker is connected and its queues are declared; it claims nothing before this has resolved. */
  start(worker: RunningWorker): void | Promise<void>
  /** The worker has settled or handed back what it held, and is still connected. Called in reverse order of the starts. */
  stop?(worker: RunningWorker, how: StopKind): void | Promise<void>
}

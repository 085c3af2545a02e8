import type { Claim } from './claim.js'
import type { WorkerLimits } from './limits/worker-limits.js'
import type { WorkerPool } from './pools/pool.js'
import type { PutAside } from './put-aside.js'
import type { TimeLimits } from './time-limits.js'

/**
 * How a worker stops: `warm` lets running tasks finish, within `workerShutdownTimeout`; `soft` within `workerSoftShutdownTimeout`; `cold`
 * hands them back at once.
 */
export type StopKind = 'warm' | 'soft' | 'cold'

/** A worker, as its components see it. */
export interface RunningWorker {
  /** `name@host`. */
  readonly hostname: string
  /** @internal */
  readonly pool: WorkerPool
  /** undefined = the pool keeps its size. @internal */
  readonly autoscaler: { bounds: { readonly max: number; readonly min: number } } | undefined
  /** How long runs may take; can be changed at run time. @internal */
  readonly timeLimits: TimeLimits
  /** The revokes, pauses and limits in force. @internal */
  readonly limits: WorkerLimits
  /** The queues that are consumed, in strict order. */
  readonly queues: readonly string[]
  /** Tasks running here now. @internal */
  readonly active: readonly Claim[]
  /** Tasks put aside until their ETA. @internal */
  readonly putAside: Pick<PutAside, 'list'>
  /** Tasks waiting here for a slot. @internal */
  readonly reserved: readonly Claim[]
  /** Number of tasks of each name that have ended here, whatever their outcome. */
  readonly totals: ReadonlyMap<string, number>
  /** Number of tasks that have ended here, whatever their outcome. */
  readonly processed: number
  /** Consumes other queues from now on; messages held from a dropped queue stay held. */
  setQueues(queues: readonly string[]): Promise<void>
  /** Changes how many tasks run at once. */
  resize(slots: number): Promise<void>
  /** The name under which it holds messages at the broker; new at every start. @internal */
  readonly holder: string
  /** Returns to their queues what these holders, whose processes have died, had claimed. @internal */
  releaseDead(holders: readonly string[]): Promise<void>
}

/**
 * A component that starts and stops with a worker: Celery's boot step. Remote control, health and metrics are such components,
 * and an app may have its own.
 */
export interface BootStep {
  /** For log lines. */
  readonly name: string
  /** Called when the worker is connected and its queues are declared; it claims nothing before this has resolved. */
  start(worker: RunningWorker): void | Promise<void>
  /** Called when the worker has settled or handed back its messages, and is still connected. Called in reverse order of the starts. */
  stop?(worker: RunningWorker, how: StopKind): void | Promise<void>
}

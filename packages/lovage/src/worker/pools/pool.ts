import type { Outcome, TaskContext } from '../../app/tasks/index.js'
import type { EventFields } from '../../events/index.js'
import type { RunLimits } from '../time-limits.js'
import type { Job } from './job.js'

/** The notifications of a pool to its worker. */
export interface PoolListener {
  /** A slot has become free outside a normal end: after a run that would not end, or in a pool that has grown. */
  readonly onSlots: () => void
  /** `ctx.updateState` of a run in a child. */
  readonly updateState: (context: TaskContext, state: string, meta: unknown) => Promise<void>
  /** `ctx.sendEvent` of a run in a child. */
  readonly sendEvent: (context: TaskContext, type: string, fields: EventFields) => void
}

/** A pool's counters, for stats. */
export interface PoolStats {
  /** Runs whose time was up and whose promise has not settled: they hold no slot, but their work goes on. */
  readonly zombies: number
  /** Children that died while running a task. */
  readonly lost: number
  /** Children that were replaced: because of a limit, recycling or a death. */
  readonly replaced: number
}

/** The place where tasks run. All pools make the same promises; they differ in how far a task may affect its neighbours. */
export interface WorkerPool {
  /** As chosen by `-P`. */
  readonly kind: 'async' | 'prefork' | 'threads' | 'solo'
  /** Whether tasks, their handlers and middleware run outside this process or thread. */
  readonly isRemote: boolean
  /** Tasks that may run at once. */
  readonly slots: number
  /** Number of jobs that it would hold now, including those behind a running one; never fewer than `slots`. */
  readonly capacity: number
  /** Process ids of the children, in the order of their slots; this process's own where there are none. */
  readonly pids: readonly number[]
  readonly stats: PoolStats
  /** Resolves when tasks can run. */
  start(listener: PoolListener): Promise<void>
  /**
   * Runs a job; an outcome that needs no waiting is returned directly. Never throws. undefined = it was not run, and should go back
   * to its queue; never for a job that was acknowledged early.
   *
   * @param onBegun Called when it starts, with the process id of the child; pools that are not remote start at once and do not call it.
   */
  run(job: Job, limits?: RunLimits, onBegun?: (pid: number) => void): Outcome | Promise<Outcome | undefined>
  /** Changes how many tasks may run at once; running tasks are not disturbed. */
  resize(slots: number): Promise<void>
  /**
   * Stops a running task: its signal is aborted with `reason`, and if it does not end by itself within moments it is killed where
   * possible, with SIGKILL at once. Its outcome is the failure `reason`. False when it does not run here.
   */
  terminate(taskId: string, reason: Error, signal?: NodeJS.Signals): boolean
  /** Replaces every child after its current task; does nothing in a pool without children. */
  restart(): void
  /** Ends the pool. Cold: running tasks are aborted; warm: the caller has waited for them. */
  stop(how: 'warm' | 'cold'): Promise<void>
}

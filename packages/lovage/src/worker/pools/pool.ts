import type { Outcome, TaskContext } from '../../app/tasks/index.js'
import type { EventFields } from '../../events/index.js'
import type { RunLimits } from '../time-limits.js'
import type { Job } from './job.js'

/** What a pool tells the worker that it belongs to. */
export interface PoolListener {
  /** A slot is free that was not: after a run that would not end, or in a pool that has grown. */
  readonly onSlots: () => void
  /** `ctx.updateState` of a run in a child. */
  readonly updateState: (context: TaskContext, state: string, meta: unknown) => Promise<void>
  /** `ctx.sendEvent` of a run in a child. */
  readonly sendEvent: (context: TaskContext, type: string, fields: EventFields) => void
}

/** What a pool has been through, for stats. */
export interface PoolStats {
  /** Runs whose time was up and whose promise has not ended: they hold no slot, but what they do goes on. */
  readonly zombies: number
  /** Children that died under a task. */
  readonly lost: number
  /** Children that were replaced: by a limit, a recycling, a death. */
  readonly replaced: number
}

/** Where tasks run. All pools keep the same promises; they differ in what a task may do to its neighbours. */
export interface WorkerPool {
  /** As chosen by `-P`. */
  readonly kind: 'async' | 'prefork' | 'threads' | 'solo'
  /** Whether tasks, their handlers and middleware run outside this process or thread. */
  readonly isRemote: boolean
  /** Tasks that may run at once. */
  readonly slots: number
  /** Jobs that it would hold now, those behind a running one included; never fewer than `slots`. */
  readonly capacity: number
  /** Process ids of the children, in the order of their slots; this process's own where there are none. */
  readonly pids: readonly number[]
  readonly stats: PoolStats
  /** Resolves when tasks can run. */
  start(listener: PoolListener): Promise<void>
  /**
   * Runs a job; an outcome that needs no waiting is returned as it is. Never throws. undefined = it was not run, and is to go back
   * to its queue; never so for one that was acknowledged early.
   *
   * @param onBegun Called when it runs, with the process id of the child; pools that are not remote begin at once and do not call it.
   */
  run(job: Job, limits?: RunLimits, onBegun?: (pid: number) => void): Outcome | Promise<Outcome | undefined>
  /** Changes how many tasks may run at once; what runs is not disturbed. */
  resize(slots: number): Promise<void>
  /**
   * Stops a running task: its signal is aborted with `reason`, and what does not end by itself within moments is killed where
   * it can be, with SIGKILL at once. Its outcome is the failure `reason`. False when it does not run here.
   */
  terminate(taskId: string, reason: Error, signal?: NodeJS.Signals): boolean
  /** Replaces every child, when its present task has ended; nothing to do in a pool that has none. */
  restart(): void
  /** Ends the pool. Cold: running tasks are aborted; warm: the caller has waited for them. */
  stop(how: 'warm' | 'cold'): Promise<void>
}

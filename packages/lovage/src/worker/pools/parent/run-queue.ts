import type { Outcome } from '../../../app/tasks/index.js'
import type { Timer } from '../../../kernel/index.js'
import type { RunLimits } from '../../time-limits.js'
import type { Job } from '../job.js'

/** A job given to a pool, and its callbacks. */
export interface Order {
  readonly job: Job
  readonly limits: RunLimits
  /** It runs, in the child of this process id. */
  readonly onBegun: (pid: number) => void
  /** It has ended with this outcome; undefined = it was not run. */
  readonly resolve: (outcome: Outcome | undefined) => void
}

/** An order in a child. */
export interface Run extends Order {
  /** Identifies it on the child's line; greater than those before it. */
  readonly key: number
  readonly timers: Timer[]
  /** Why this run was ended from outside; its outcome, whatever the child still reports. */
  verdict?: Error
}

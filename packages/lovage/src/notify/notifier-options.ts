import type { HealthThresholds } from '../health/index.js'
import type { NoticeChannel } from './channels.js'
import type { Notice, NoticeKind } from './notice.js'
import type { NoticeLimit } from './sender.js'

/** What a notifier tells, and whom. */
export interface NotifierOptions {
  readonly to: readonly NoticeChannel[]
  /**
   * `failed`: a task failed for good; `rejected`: its message was rejected, is of no known task, or cannot be read; `breaker`: a circuit
   * breaker opened or closed; `health`: the queues of this worker are better or worse than before. Default: all.
   */
  readonly about?: readonly NoticeKind[]
  /** For each channel, in the whole fleet. */
  readonly limit?: NoticeLimit
  /** Seconds between looks at the health of the queues; one worker of the fleet looks. Default 60. */
  readonly healthEvery?: number
  readonly health?: HealthThresholds
  /** Leaves out what it gives false for. */
  readonly filter?: (notice: Notice) => boolean
}

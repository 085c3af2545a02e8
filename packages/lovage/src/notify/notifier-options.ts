import type { HealthThresholds } from '../health/index.js'
import type { NoticeChannel } from './channels.js'
import type { Notice, NoticeKind } from './notice.js'
import type { NoticeLimit } from './sender.js'

/** The options of a notifier. */
export interface NotifierOptions {
  readonly to: readonly NoticeChannel[]
  /**
   * `failed`: a task failed for good; `rejected`: its message was rejected, names an unknown task, or cannot be read; `breaker`: a
   * circuit breaker opened or closed; `health`: the health of this worker's queues changed. Default: all.
   */
  readonly about?: readonly NoticeKind[]
  /** The limit of each channel, across the whole fleet. */
  readonly limit?: NoticeLimit
  /** Seconds between checks of queue health; one worker of the fleet checks. Default 60. */
  readonly healthEvery?: number
  readonly health?: HealthThresholds
  /** Drops a notice when it returns false. */
  readonly filter?: (notice: Notice) => boolean
}

import type { SignalBoard } from '../../app/core/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import type { Clock, Logger } from '../../kernel/index.js'

/** What limits are kept in, and told by. */
export interface LimitStores {
  /** Shared by the cluster; this worker's own where the broker has no place for agreements. */
  readonly cluster: CoordinationStore
  /** This worker's own, for limits of one worker's scope. */
  readonly own: CoordinationStore
  readonly clock: Clock
  readonly logger: Logger
  readonly signals: SignalBoard
  /** Whether tasks that were put off can be made due now. */
  readonly canPromote: boolean
  /** Makes them due, where that is so. */
  readonly promote: (ids: readonly string[]) => Promise<void>
}

import type { SignalBoard } from '../../app/core/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import type { Clock, Logger } from '../../kernel/index.js'

/** The stores of limits, and their notifications. */
export interface LimitStores {
  /** Shared by the cluster; this worker's own where the broker has no coordination store. */
  readonly cluster: CoordinationStore
  /** This worker's own, for limits scoped to one worker. */
  readonly own: CoordinationStore
  readonly clock: Clock
  readonly logger: Logger
  readonly signals: SignalBoard
  /** Whether postponed tasks can be made due now. */
  readonly canPromote: boolean
  /** Makes them due, where that is supported. */
  readonly promote: (ids: readonly string[]) => Promise<void>
}

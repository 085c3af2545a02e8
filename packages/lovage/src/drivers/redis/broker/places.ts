import type { RedisLink } from '../client/index.js'
import type { RedisKeys } from './redis-keys.js'

/** Where some keys are. */
export interface Place {
  readonly connection: RedisLink
  readonly keys: RedisKeys
}

/** Where the keys of queues are, and those of no queue. */
export interface Places {
  /** Bindings, the names of queues, dead letters, replies. */
  readonly shared: Place
  of(queue: string): Place
  /** Whether all queues are in the shared place. */
  readonly isOne: boolean
  /** All commands that `sending` sends leave in as few packets as possible. */
  together<Result>(sending: () => Result): Result
}

/** One server, or one slot. */
export const onePlace = (shared: Place): Places => ({
  shared,
  of: () => shared,
  isOne: true,
  together: (sending) => shared.connection.together(sending),
})

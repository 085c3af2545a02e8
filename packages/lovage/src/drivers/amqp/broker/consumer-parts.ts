import type { AmqpConnection } from '../client/index.js'
import type { AmqpDeadLetters } from './amqp-dead-letters.js'
import type { AmqpPublisher } from './amqp-publisher.js'
import type { AmqpBrokerOptions } from './options.js'
import type { LimitKind } from './source.js'
import type { Topology } from './topology.js'

/** State that a consumer shares with its broker. */
export interface ConsumerParts {
  readonly connection: AmqpConnection
  readonly topology: Topology
  readonly publisher: AmqpPublisher
  readonly deadLetters: AmqpDeadLetters
  readonly options: AmqpBrokerOptions
  readonly onClosed: () => void
}

/** What limits apply to where these queues are consumed. */
export function limitKindOf(
  queues: readonly string[],
  { connection, topology }: Pick<ConsumerParts, 'connection' | 'topology'>,
): LimitKind {
  // Servers from version 4 on have no limit of a channel.
  if ((connection.version[0] ?? 0) >= 4 || queues.some((queue) => topology.isQuorum(queue))) return 'each'
  return queues.length === 1 ? 'single' : 'channel'
}

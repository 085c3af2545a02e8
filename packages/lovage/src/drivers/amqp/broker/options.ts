import type { AmqpConnection } from '../client/index.js'
import type { DelayOptions } from './delays.js'

type Settings = Readonly<Record<string, unknown>>

/** An app's settings for queues and consuming on RabbitMQ. */
export interface AmqpBrokerOptions {
  /** The declaration of every queue that does not specify its own. */
  readonly queueArguments: Readonly<Record<string, unknown>>
  /** The queues in which delayed messages wait. */
  readonly delays: DelayOptions
  /** How long the server waits for an ack before it closes the channel: its own `consumer_timeout`. Default 30 minutes. */
  readonly consumerTimeoutMs: number
  /** For queues of remote control and of its replies. */
  readonly control: PassingOptions
  /** For queues of events. */
  readonly events: PassingOptions
}

/** How queues that live as long as their listener are declared. */
export interface PassingOptions {
  /** TTL of an unconsumed message. */
  readonly ttlMs: number
  /** TTL of the queue without its owner, where it can outlive a connection. */
  readonly expiresMs: number
  /** `exclusive`: of one connection. `durable`: shared. `neither`: as Celery declared them before 5.6, accepted by RabbitMQ before 4.3. */
  readonly kind: 'exclusive' | 'durable' | 'neither'
}

/** Reads `taskQueueMaxPriority`, `taskDefaultQueueType`, `brokerNativeDelayedDeliveryQueueType` and `…QueuePrefix`, and `brokerTransportOptions.consumerTimeout`. */
export function brokerOptionsOf(settings: Settings): AmqpBrokerOptions {
  const transport = (settings.brokerTransportOptions ?? {}) as Settings
  const ms = (value: unknown, defaultS: number): number =>
    Math.round(1000 * (typeof value === 'number' && value > 0 ? value : defaultS))
  const isQuorum = settings.taskDefaultQueueType === 'quorum'
  const { taskQueueMaxPriority: maxPriority, brokerNativeDelayedDeliveryQueuePrefix: prefix } = settings
  return {
    queueArguments: {
      ...(isQuorum ? { 'x-queue-type': 'quorum' } : {}),
      ...(typeof maxPriority === 'number' && !isQuorum ? { 'x-max-priority': maxPriority } : {}),
    },
    delays: {
      type: settings.brokerNativeDelayedDeliveryQueueType === 'classic' ? 'classic' : 'quorum',
      ...(typeof prefix === 'string' ? { prefix } : {}),
    },
    consumerTimeoutMs: ms(transport.consumerTimeout ?? transport.consumer_timeout, 1800),
    control: {
      ttlMs: ms(settings.controlQueueTtl, 300),
      expiresMs: ms(settings.controlQueueExpires, 10),
      kind: kindOf(settings.controlQueueExclusive, settings.controlQueueDurable),
    },
    events: {
      ttlMs: ms(settings.eventQueueTtl, 5),
      expiresMs: ms(settings.eventQueueExpires, 60),
      kind: kindOf(settings.eventQueueExclusive, settings.eventQueueDurable),
    },
  }
}

/** Durable queues cannot be exclusive: a setting that asks for them is deliberate, as exclusive ones are the default. */
function kindOf(exclusive: unknown, durable: unknown): PassingOptions['kind'] {
  if (durable === true) return 'durable'
  return exclusive === false ? 'neither' : 'exclusive'
}

/** Two: a server that is short of memory stops reading from publishing connections, and acknowledgements must still reach it. */
export interface Connections {
  readonly publishing: AmqpConnection
  readonly consuming: AmqpConnection
}

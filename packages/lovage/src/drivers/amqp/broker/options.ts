import type { AmqpConnection } from '../client/index.js'

type Settings = Readonly<Record<string, unknown>>

/** What an app's settings say about queues and consuming on RabbitMQ. */
export interface AmqpBrokerOptions {
  /** What every queue is declared with that says nothing else. */
  readonly queueArguments: Readonly<Record<string, unknown>>
  /** Of the queues in which delayed messages wait. */
  readonly delayQueueType: 'quorum' | 'classic'
  /** How long the server waits for an ack before it closes the channel: its own `consumer_timeout`. Default 30 minutes. */
  readonly consumerTimeoutMs: number
  /** Of queues of remote control and of their answers. */
  readonly control: { readonly ttlMs: number; readonly expiresMs: number }
  /** Of queues of events. */
  readonly events: { readonly ttlMs: number; readonly expiresMs: number }
}

/** Reads `taskQueueMaxPriority`, `taskDefaultQueueType`, `brokerNativeDelayedDeliveryQueueType` and `brokerTransportOptions.consumerTimeout`. */
export function brokerOptionsOf(settings: Settings): AmqpBrokerOptions {
  const transport = (settings.brokerTransportOptions ?? {}) as Settings
  const ms = (value: unknown, defaultS: number): number =>
    Math.round(1000 * (typeof value === 'number' && value > 0 ? value : defaultS))
  const isQuorum = settings.taskDefaultQueueType === 'quorum'
  const maxPriority = settings.taskQueueMaxPriority
  return {
    queueArguments: {
      ...(isQuorum ? { 'x-queue-type': 'quorum' } : {}),
      ...(typeof maxPriority === 'number' && !isQuorum ? { 'x-max-priority': maxPriority } : {}),
    },
    delayQueueType: settings.brokerNativeDelayedDeliveryQueueType === 'classic' ? 'classic' : 'quorum',
    consumerTimeoutMs: ms(transport.consumerTimeout ?? transport.consumer_timeout, 1800),
    control: { ttlMs: ms(settings.controlQueueTtl, 300), expiresMs: ms(settings.controlQueueExpires, 10) },
    events: { ttlMs: ms(settings.eventQueueTtl, 5), expiresMs: ms(settings.eventQueueExpires, 60) },
  }
}

/** Two: a server that is short of memory stops reading from whoever publishes, and acknowledgements must still reach it. */
export interface Connections {
  readonly publishing: AmqpConnection
  readonly consuming: AmqpConnection
}

import { ConnectionError, type LovageError, MessageError } from '../../../kernel/index.js'
import type { AmqpPublication, Untaken } from '../client/index.js'

/** A message that the server did not take, or may not have taken. */
export interface Failure extends Untaken {
  readonly publication: AmqpPublication
  /** The task's id. */
  readonly id: string | undefined
}

/** How many ids appear in an error text; all are in `details.ids`. */
const MOST_NAMED = 3

/**
 * One error for the messages, of those published together, that were not taken: `details.ids` has their ids; all others were.
 * Uncertainty takes precedence: a caller must not repeat those messages as it may after a refusal.
 */
export function failureOf(failures: readonly Failure[], location: string): LovageError {
  const first = failures.find(({ why }) => why === 'uncertain') ?? failures[0]
  // All or none: a message without an id would look like one that was taken.
  const named = failures.flatMap(({ id }) => id ?? [])
  const ids = named.length === failures.length ? named : []
  const { publication, why = 'uncertain', error: cause } = first ?? {}
  const { exchange = '', routingKey = '' } = publication ?? {}
  const replyCode = cause?.details.replyCode ?? null
  const details = { location, exchange, routingKey, ids, replyCode }
  const suffix =
    ids.length === 0 ? '' : `: ${ids.slice(0, MOST_NAMED).join(', ')}${ids.length > MOST_NAMED ? ', …' : ''}`
  const because = cause === undefined ? {} : { cause }
  const count = failures.length === 1 ? 'a message' : `${failures.length} messages`
  const { confirmTimeoutMs } = cause?.details ?? {}
  const lost =
    typeof confirmTimeoutMs === 'number'
      ? `RabbitMQ did not confirm, within ${confirmTimeoutMs / 1000} s,`
      : 'The connection to RabbitMQ was lost before it confirmed'
  if (why === 'uncertain')
    return new ConnectionError(`${lost} ${count}, which may or may not have been accepted${suffix}`, {
      code: 'LVG_PUBLISH_UNCERTAIN',
      details,
      ...because,
    })
  if (why === 'unroutable' || replyCode === 404) {
    const where =
      exchange === ''
        ? `the queue ${routingKey}`
        : `the exchange ${exchange} with the routing key ${routingKey}`
    return new MessageError(`RabbitMQ has no queue for ${where}${suffix}`, {
      code: 'LVG_MESSAGE_UNROUTABLE',
      details,
      ...because,
    })
  }
  return new ConnectionError(
    cause ? cause.message : `RabbitMQ did not accept ${count} (${location})${suffix}`,
    {
      code: 'LVG_RABBITMQ_REFUSED',
      hint: 'The queue is full and rejects new messages (x-overflow), or has lost its leader.',
      details,
      ...because,
    },
  )
}

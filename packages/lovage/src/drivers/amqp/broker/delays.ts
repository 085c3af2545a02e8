import { createHash } from 'node:crypto'
import type { AmqpChannel } from '../client/index.js'

/**
 * Celery's native delayed delivery (5.5 and later): a queue for each power of two of seconds, in which every message waits equally long, so
 * that the first is always the first to be due and one that waits a day stands before nobody. A message passes the queues whose bits its
 * delay has, told by its routing key: 28 binary digits, the largest first, then where it goes at last.
 *
 * Celery leaves that last part to bindings that match any longer name too, and cannot serve direct exchanges. Here it is the name of one queue and a
 * word of ours, bound exactly, which serves every queue and meets none of Celery's bindings.
 */
const LEVELS = 28
const LAST_EXCHANGE = 'celery_delayed_delivery'
const OURS = 'lovage-queue'
/** Routing keys have at most 255 bytes. */
const LONGEST_NAME = 150
const LONGEST_DELAY_S = 2 ** LEVELS - 1

const levelName = (level: number): string => `celery_delayed_${level}`
const words = (count: number): string => '*.'.repeat(count)

/** A queue's name as the end of a routing key: names that a binding would misread, or that are too long, by their hash. */
function ending(queue: string): string {
  const isPlain = queue.length <= LONGEST_NAME && /^[\w.@:/-]+$/.test(queue)
  return `${isPlain ? queue : createHash('sha256').update(queue).digest('hex')}.${OURS}`
}

/** Declares the queues of all delays, the last exchange at the end: who finds that finds everything. */
export async function declareDelays(channel: AmqpChannel, type: 'quorum' | 'classic'): Promise<void> {
  for (let level = LEVELS - 1; level >= 0; level--) {
    const name = levelName(level)
    await channel.declareExchange({ name, type: 'topic' })
    await channel.declareQueue({
      name,
      arguments: {
        'x-queue-type': type,
        'x-overflow': 'reject-publish',
        'x-message-ttl': 2 ** level * 1000,
        'x-dead-letter-exchange': level === 0 ? LAST_EXCHANGE : levelName(level - 1),
        ...(type === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
      },
    })
    await channel.bindQueue(name, name, `${words(LEVELS - 1 - level)}1.#`)
  }
  for (let level = LEVELS - 1; level > 0; level--)
    await channel.bindExchange(levelName(level - 1), levelName(level), `${words(LEVELS - 1 - level)}0.#`)
  await channel.declareExchange({ name: LAST_EXCHANGE, type: 'topic' })
  await channel.bindExchange(LAST_EXCHANGE, levelName(0), `${words(LEVELS - 1)}0.#`)
}

/** Rejects with 404 where the queues of the delays are not declared. */
export async function inspectDelays(channel: AmqpChannel): Promise<void> {
  await channel.inspectExchange(LAST_EXCHANGE)
}

/** Lets delayed messages come to a queue. */
export async function bindToDelays(channel: AmqpChannel, queue: string): Promise<void> {
  await channel.bindQueue(queue, LAST_EXCHANGE, `${words(LEVELS)}${ending(queue)}`)
}

/** Lets what Python delays for a topic or fanout exchange come to its queues, as Celery binds them. */
export async function bindExchangeToDelays(
  channel: AmqpChannel,
  { queue, exchange, routingKey }: { queue: string; exchange: string; routingKey: string },
): Promise<void> {
  const key = routingKey.startsWith('#') ? routingKey : `#.${routingKey}`
  await channel.bindExchange(exchange, LAST_EXCHANGE, key)
  await channel.bindQueue(queue, exchange, key)
}

/**
 * Where to publish a message that is to come to a queue in `delayMs`; not before, and up to a second after. A delay beyond eight years
 * ends after eight years: whoever gets the message then puts it off again.
 */
export function delayRoute(queue: string, delayMs: number): { exchange: string; routingKey: string } {
  const seconds = Math.min(LONGEST_DELAY_S, Math.max(1, Math.ceil(delayMs / 1000)))
  const digits = seconds.toString(2).padStart(LEVELS, '0')
  // The levels before its first bit would only hand it on.
  const level = LEVELS - 1 - digits.indexOf('1')
  return { exchange: levelName(level), routingKey: `${[...digits].join('.')}.${ending(queue)}` }
}

/** Whether a message came through the delays. */
export const isFromDelays = (exchange: string): boolean =>
  exchange === LAST_EXCHANGE || /^celery_delayed_\d+$/.test(exchange)

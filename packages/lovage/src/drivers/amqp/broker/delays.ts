import { createHash } from 'node:crypto'
import type { AmqpChannel } from '../client/index.js'
import { declareOrphans, ORPHANS, type OrphanQueueType } from './orphans.js'

/**
 * Celery's native delayed delivery (5.5 and later): a queue for each power of two of seconds, in which every message waits equally long,
 * so that the first is always the first to be due and a message that waits a day blocks no other. A message passes the queues of the bits
 * set in its delay, as its routing key says: 28 binary digits, the largest first, then its final destination.
 *
 * Celery leaves that last part to bindings that also match any longer name, and cannot serve direct exchanges. Here it is a queue's name
 * and a word of ours, bound exactly, in an exchange of ours behind Celery's last, which serves every queue and matches no Celery binding.
 *
 * A level passes a message on and waits for its confirm, with at most 32 unconfirmed: if the final queue did not exist, 32 such messages
 * would block their level for all. So our exchange has an alternate exchange for messages without a queue: see `declareOrphans`.
 */
const LEVELS = 28
const LAST_EXCHANGE = 'celery_delayed_delivery'
const OWN_EXCHANGE = 'lovage_delayed'
const OURS = 'lovage-to'
/** Routing keys have at most 255 bytes. */
const LONGEST_NAME = 150
const LONGEST_DELAY_S = 2 ** LEVELS - 1

/** How the delay queues are named and declared. */
export interface DelayOptions {
  /** The prefix of all their names, as in kombu 5.7: `{prefix}_celery_delayed_{n}`. Default: none. */
  readonly prefix?: string
  readonly type: OrphanQueueType
}

const prefixed = (name: string, prefix = ''): string => (prefix === '' ? name : `${prefix}_${name}`)
const levelName = (level: number, prefix?: string): string => prefixed(`celery_delayed_${level}`, prefix)
const words = (count: number): string => '*.'.repeat(count)

/** A queue's name as the end of a routing key: names that a binding would misread, or that are too long, are replaced by their hash. */
function ending(queue: string): string {
  const isPlain = queue.length <= LONGEST_NAME && /^[\w.@:/-]+$/.test(queue)
  return `${isPlain ? queue : createHash('sha256').update(queue).digest('hex')}.${OURS}`
}

/** Declares the delay queues, and the exchange that their messages leave by. */
export async function declareDelays(channel: AmqpChannel, options: DelayOptions): Promise<void> {
  const { prefix, type } = options
  const last = prefixed(LAST_EXCHANGE, prefix)
  for (let level = LEVELS - 1; level >= 0; level--) {
    const name = levelName(level, prefix)
    await channel.declareExchange({ name, type: 'topic' })
    await channel.declareQueue({
      name,
      arguments: {
        'x-queue-type': type,
        'x-overflow': 'reject-publish',
        'x-message-ttl': 2 ** level * 1000,
        'x-dead-letter-exchange': level === 0 ? last : levelName(level - 1, prefix),
        ...(type === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
      },
    })
    await channel.bindQueue(name, name, `${words(LEVELS - 1 - level)}1.#`)
  }
  for (let level = LEVELS - 1; level > 0; level--)
    await channel.bindExchange(
      levelName(level - 1, prefix),
      levelName(level, prefix),
      `${words(LEVELS - 1 - level)}0.#`,
    )
  await channel.declareExchange({ name: last, type: 'topic' })
  await channel.bindExchange(last, levelName(0, prefix), `${words(LEVELS - 1)}0.#`)
}

/** Rejects with 404 where one of the delay queues is missing: a message that reaches its level would get no further. */
export async function inspectDelays(channel: AmqpChannel, { prefix }: DelayOptions): Promise<void> {
  for (let level = LEVELS - 1; level >= 0; level--) await channel.inspectQueue(levelName(level, prefix))
  await channel.inspectExchange(prefixed(LAST_EXCHANGE, prefix))
}

/** Declares the route from the delays to queues by name. */
export async function declareWayOut(channel: AmqpChannel, { prefix, type }: DelayOptions): Promise<void> {
  await declareOrphans(channel, type)
  await channel.declareExchange({ name: OWN_EXCHANGE, type: 'topic', alternateExchange: ORPHANS })
  await channel.bindExchange(OWN_EXCHANGE, prefixed(LAST_EXCHANGE, prefix), `#.${OURS}`)
}

/** Routes delayed messages to a queue. */
export async function bindToDelays(channel: AmqpChannel, queue: string): Promise<void> {
  await channel.bindQueue(queue, OWN_EXCHANGE, `${words(LEVELS)}${ending(queue)}`)
}

/** Routes messages that Python delays for a topic or fanout exchange to its queues, with the bindings that Celery makes. */
export async function bindExchangeToDelays(
  channel: AmqpChannel,
  { queue, exchange, routingKey }: { queue: string; exchange: string; routingKey: string },
  { prefix }: DelayOptions,
): Promise<void> {
  const key = routingKey.startsWith('#') ? routingKey : `#.${routingKey}`
  await channel.bindExchange(exchange, prefixed(LAST_EXCHANGE, prefix), key)
  await channel.bindQueue(queue, exchange, key)
}

/**
 * Where to publish a message that is due at a queue in `delayMs`; it arrives no earlier, and up to a second later. A delay beyond eight
 * years ends after eight years: the worker that receives the message then delays it again.
 */
export function delayRoute(
  queue: string,
  delayMs: number,
  prefix?: string,
): { exchange: string; routingKey: string } {
  const seconds = Math.min(LONGEST_DELAY_S, Math.max(1, Math.ceil(delayMs / 1000)))
  const digits = seconds.toString(2).padStart(LEVELS, '0')
  // The levels before its first bit would only pass it on.
  const level = LEVELS - 1 - digits.indexOf('1')
  return { exchange: levelName(level, prefix), routingKey: `${[...digits].join('.')}.${ending(queue)}` }
}

/** Whether a message came through the delays, with any prefix. */
export const isFromDelays = (exchange: string): boolean =>
  /^(?:.+_)?celery_delayed_(?:\d+|delivery)$/.test(exchange)

/** The queue whose name a routing key ends with; undefined for a hash, or a key that is not ours. */
export function queueOfDelay(routingKey: string): string | undefined {
  const end = `.${OURS}`
  const words = routingKey.endsWith(end) ? routingKey.slice(0, -end.length).split('.').slice(LEVELS) : []
  const name = words.join('.')
  return name === '' || /^[0-9a-f]{64}$/.test(name) ? undefined : name
}

import { createHash } from 'node:crypto'
import type { AmqpChannel } from '../client/index.js'
import { declareOrphans, ORPHANS, type OrphanQueueType } from './orphans.js'

/**
 * Celery's native delayed delivery (5.5 and later): a queue for each power of two of seconds, in which every message waits equally long, so
 * that the first is always the first to be due and one that waits a day stands before nobody. A message passes the queues whose bits its
 * delay has, told by its routing key: 28 binary digits, the largest first, then where it goes at last.
 *
 * Celery leaves that last part to bindings that match any longer name too, and cannot serve direct exchanges. Here it is the name of one queue and a
 * word of ours, bound exactly, in an exchange of our own behind Celery's last, which serves every queue and meets none of Celery's bindings.
 *
 * A level hands a message on when the next place has confirmed it, and waits for 32 of them at most: were the queue at the end not there, 32 such
 * messages would stop their level for everybody. So our exchange has another one behind it for what has no queue: see `declareOrphans`.
 */
const LEVELS = 28
const LAST_EXCHANGE = 'celery_delayed_delivery'
const OWN_EXCHANGE = 'lovage_delayed'
const OURS = 'lovage-to'
/** Routing keys have at most 255 bytes. */
const LONGEST_NAME = 150
const LONGEST_DELAY_S = 2 ** LEVELS - 1

/** How the queues for delays are named and made. */
export interface DelayOptions {
  /** Of all their names, as in kombu 5.7: `{prefix}_celery_delayed_{n}`. Default: none. */
  readonly prefix?: string
  readonly type: OrphanQueueType
}

const prefixed = (name: string, prefix = ''): string => (prefix === '' ? name : `${prefix}_${name}`)
const levelName = (level: number, prefix?: string): string => prefixed(`celery_delayed_${level}`, prefix)
const words = (count: number): string => '*.'.repeat(count)

/** A queue's name as the end of a routing key: names that a binding would misread, or that are too long, by their hash. */
function ending(queue: string): string {
  const isPlain = queue.length <= LONGEST_NAME && /^[\w.@:/-]+$/.test(queue)
  return `${isPlain ? queue : createHash('sha256').update(queue).digest('hex')}.${OURS}`
}

/** Declares the queues of all delays, and where what comes out of them goes. */
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

/** Rejects with 404 where one of the queues of the delays is missing: what comes to its place would stay before it. */
export async function inspectDelays(channel: AmqpChannel, { prefix }: DelayOptions): Promise<void> {
  for (let level = LEVELS - 1; level >= 0; level--) await channel.inspectQueue(levelName(level, prefix))
  await channel.inspectExchange(prefixed(LAST_EXCHANGE, prefix))
}

/** Declares the way out of the delays to queues by their names. */
export async function declareWayOut(channel: AmqpChannel, { prefix, type }: DelayOptions): Promise<void> {
  await declareOrphans(channel, type)
  await channel.declareExchange({ name: OWN_EXCHANGE, type: 'topic', alternateExchange: ORPHANS })
  await channel.bindExchange(OWN_EXCHANGE, prefixed(LAST_EXCHANGE, prefix), `#.${OURS}`)
}

/** Lets delayed messages come to a queue. */
export async function bindToDelays(channel: AmqpChannel, queue: string): Promise<void> {
  await channel.bindQueue(queue, OWN_EXCHANGE, `${words(LEVELS)}${ending(queue)}`)
}

/** Lets what Python delays for a topic or fanout exchange come to its queues, as Celery binds them. */
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
 * Where to publish a message that is to come to a queue in `delayMs`; not before, and up to a second after. A delay beyond eight years
 * ends after eight years: whoever gets the message then puts it off again.
 */
export function delayRoute(
  queue: string,
  delayMs: number,
  prefix?: string,
): { exchange: string; routingKey: string } {
  const seconds = Math.min(LONGEST_DELAY_S, Math.max(1, Math.ceil(delayMs / 1000)))
  const digits = seconds.toString(2).padStart(LEVELS, '0')
  // The levels before its first bit would only hand it on.
  const level = LEVELS - 1 - digits.indexOf('1')
  return { exchange: levelName(level, prefix), routingKey: `${[...digits].join('.')}.${ending(queue)}` }
}

/** Whether a message came through the delays, whatever their prefix. */
export const isFromDelays = (exchange: string): boolean =>
  /^(?:.+_)?celery_delayed_(?:\d+|delivery)$/.test(exchange)

/** The queue whose name a routing key ends with; undefined where it is a hash, or none of ours. */
export function queueOfDelay(routingKey: string): string | undefined {
  const end = `.${OURS}`
  const words = routingKey.endsWith(end) ? routingKey.slice(0, -end.length).split('.').slice(LEVELS) : []
  const name = words.join('.')
  return name === '' || /^[0-9a-f]{64}$/.test(name) ? undefined : name
}

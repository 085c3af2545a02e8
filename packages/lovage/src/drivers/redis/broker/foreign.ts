import { markRedelivered } from '../../../envelope/index.js'
import { newId } from '../../../kernel/index.js'
import type { RedisLink } from '../client/index.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { RELEASE_MUTEX, RESTORE_TAG } from './scripts.js'

/** kombu's own values. */
const MUTEX_MS = 300_000
const AT_ONCE = 100

/** `[envelope, "exchange", "routing key"]`, kombu's record of a claimed message, parsed as text. */
const RECORD = /^\s*\[([\s\S]*),\s*("(?:[^"\\]|\\.)*")\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*$/

/**
 * Returns claimed messages whose holder keeps no lease (a Python worker) and has been silent for the fleet's visibility
 * timeout, as kombu does: under its mutex, to the heads of the lists, with both flags set. Unlike kombu it loses nothing: a message
 * without a binding goes to the list of its routing key. Returns how many.
 */
export async function restoreForeign(
  connection: RedisLink,
  keys: RedisKeys,
  routing: RedisRouting,
  visibilityTimeoutMs: number,
): Promise<number> {
  const overdue = await overdueTags(connection, keys, visibilityTimeoutMs)
  if (overdue.length === 0) return 0
  const token = newId()
  const mutex = await connection.command('set', keys.unackedMutex, token, 'PX', MUTEX_MS, 'NX')
  if (mutex === null) return 0
  try {
    return await restoreTags(connection, keys, routing, overdue)
  } finally {
    await RELEASE_MUTEX.run(connection, [keys.unackedMutex], [token])
  }
}

async function overdueTags(
  connection: RedisLink,
  keys: RedisKeys,
  visibilityTimeoutMs: number,
): Promise<Buffer[]> {
  // An idle fleet has claimed nothing.
  if ((await connection.command<number>('exists', keys.unackedIndex)) === 0) return []
  const [seconds = '0', microseconds = '0'] = await connection.command<[string, string]>('time')
  const limit = Number(seconds) + Number(microseconds) / 1e6 - visibilityTimeoutMs / 1000
  return connection.sendForBytes<Buffer[]>('zrangebyscore', [
    keys.unackedIndex,
    '-inf',
    limit,
    'LIMIT',
    0,
    AT_ONCE,
  ])
}

async function restoreTags(
  connection: RedisLink,
  keys: RedisKeys,
  routing: RedisRouting,
  tags: readonly Buffer[],
): Promise<number> {
  const values = await connection.sendForBytes<(Buffer | null)[]>('hmget', [keys.unacked, ...tags])
  let restored = 0
  // The latest first: the last pushed is consumed first.
  for (let index = tags.length - 1; index >= 0; index--) {
    const tag = tags[index]
    const value = values[index]
    if (!tag) continue
    if (!value) {
      await connection.command('zrem', keys.unackedIndex, tag)
      continue
    }
    const found = await takeApart(value, keys, routing)
    // Not a record of kombu's: it stays for an operator to inspect.
    if (!found) continue
    const named = [keys.unackedIndex, keys.unacked, keys.redeliveries, keys.doorbell] as const
    restored += await RESTORE_TAG.run(connection, [...named, ...found.lists], [tag, value, found.message])
  }
  return restored
}

/** The message with its flags, and the lists that it came from. */
async function takeApart(
  value: Buffer,
  keys: RedisKeys,
  routing: RedisRouting,
): Promise<{ readonly message: Buffer; readonly lists: string[] } | undefined> {
  // One character per byte, so that invalid UTF-8 is preserved.
  const [, envelope, exchange, routingKey] = RECORD.exec(value.toString('latin1')) ?? []
  if (envelope === undefined || exchange === undefined || routingKey === undefined) return undefined
  const names = [nameOf(exchange), nameOf(routingKey)] as const
  const queues = names[0] === '' ? [names[1]] : await routing.lookUp(names[0], names[1])
  const targets = queues.length > 0 ? queues : [names[1] || names[0]]
  const step = keys.stepOf(wirePriority(envelope))
  return {
    message: Buffer.from(markRedelivered(envelope), 'latin1'),
    lists: targets.map((queue) => keys.list(queue, step)),
  }
}

const nameOf = (json: string): string => String(JSON.parse(Buffer.from(json, 'latin1').toString()))

function wirePriority(envelope: string): number {
  // The one in `properties`, which kombu writes last; a custom header of this name comes before it.
  const found = [...envelope.matchAll(/"priority"\s*:\s*(\d)/g)].pop()
  return found ? Number(found[1]) : 0
}

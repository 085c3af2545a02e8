import { newId } from '../../../kernel/index.js'
import type { Places } from './places.js'
import { HELD_REMARK } from './redis-keys.js'
import { ACK, CLAIM, claimKeys, PUSH } from './scripts.js'

const AT_ONCE = 500
/** A move that dies lets its messages go back after this long. */
const LEASE_MS = 10_000

/**
 * Moves waiting messages to a queue in another slot: claimed, pushed there, then acknowledged here. When it dies in between, what it holds
 * returns to the queue that it came from, and one batch may then be in both queues.
 */
export async function moveAcross(places: Places, from: string, to: string): Promise<number> {
  const source = places.of(from)
  const target = places.of(to)
  const holder = `move.${newId()}`
  const held = source.keys.held(holder)
  const { unackedIndex, unacked, holders, unparsed, redeliveries } = source.keys
  const suffix = `,"",${JSON.stringify(from)}]`
  let moved = 0
  for (const step of source.keys.steps) {
    for (;;) {
      const [tags, , , ...raws] = await CLAIM.runForBytes<[Buffer, Buffer, Buffer, ...Buffer[]]>(
        source.connection,
        claimKeys(source.keys, holder, [source.keys.list(from, step)]),
        [holder, LEASE_MS, AT_ONCE, HELD_REMARK, 1, '', '', 0, suffix],
      )
      if (raws.length === 0) break
      await PUSH.run(
        target.connection,
        [target.keys.list(to, step), target.keys.pushedPrefix + holder],
        [moved, 0, ...raws.map((raw) => renamed(raw, from, to))],
      )
      if (step !== 0) await target.connection.command('publish', target.keys.doorbell, to)
      const words = tags.toString().split('\n')
      await ACK.run(
        source.connection,
        [unackedIndex, unacked, held, unparsed, redeliveries],
        [words.length, ...words],
      )
      moved += raws.length
    }
  }
  await source.connection.command('zrem', holders, holder)
  await source.connection.command('del', held)
  return moved
}

/** The message with the routing key of its new queue, if it names the one that it leaves. */
function renamed(raw: Buffer, from: string, to: string): Buffer {
  // One character per byte, so that invalid UTF-8 is preserved.
  const text = raw.toString('latin1')
  const place = [...text.matchAll(/"routing_key"\s*:\s*/g)].pop()
  const start = place ? place.index + place[0].length : -1
  const was = Buffer.from(JSON.stringify(from)).toString('latin1')
  if (start < 0 || !text.startsWith(was, start)) return raw
  const now = Buffer.from(JSON.stringify(to)).toString('latin1')
  return Buffer.from(text.slice(0, start) + now + text.slice(start + was.length), 'latin1')
}

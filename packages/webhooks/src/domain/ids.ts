import { randomFillSync } from 'node:crypto'

/** The prefix of an id, which names its kind. */
export type IdPrefix = 'ep' | 'sec' | 'msg' | 'dlv' | 'att' | 'key' | 'rep'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/**
 * If the clock is set back by more than this, it is followed; by less, ids continue from the last one, because their order matters more.
 */
const BELIEVED_MS = 60_000
const last = new Map<IdPrefix, { ms: number; count: number }>()

/**
 * A new id that sorts by creation time, strictly so within a process: `msg_01JD8Z…`. Ten characters of time, three of a counter within
 * the millisecond, thirteen random.
 */
export function newId(prefix: IdPrefix, nowMs = Date.now()): string {
  let at = last.get(prefix)
  if (!at || nowMs > at.ms || nowMs < at.ms - BELIEVED_MS) {
    at = { ms: nowMs, count: 0 }
    last.set(prefix, at)
  } else at.count += 1
  if (at.count === 32 ** 3) {
    at.ms += 1
    at.count = 0
  }
  return `${prefix}_${written(at.ms, 10)}${written(at.count, 3)}${chance(13)}`
}

/** The lowest possible id at a time, for listing by time. */
export const firstIdAt = (prefix: IdPrefix, ms: number): string => `${prefix}_${written(ms, 10)}`

function written(value: number, length: number): string {
  let text = ''
  let left = value
  for (let at = 0; at < length; at++) {
    text = ALPHABET.charAt(left % 32) + text
    left = Math.floor(left / 32)
  }
  return text
}

const pool = Buffer.alloc(4096)
let used = pool.length

/** Random characters. Bytes are made in pools, because one call for each id costs more than the rest of it. */
function chance(length: number): string {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  let text = ''
  for (const end = used + length; used < end; used++) text += ALPHABET.charAt((pool[used] ?? 0) & 31)
  return text
}

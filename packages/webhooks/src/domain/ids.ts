import { randomBytes } from 'node:crypto'

/** What an id is of, as its first letters tell. */
export type IdPrefix = 'ep' | 'sec' | 'msg' | 'dlv' | 'att' | 'key' | 'rep'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
let lastMs = 0
let lastCount = 0

/**
 * A new id that sorts by the time at which it was made, within a process strictly: `msg_01JD8Z…`. Ten signs of time, three of a
 * count within the millisecond, thirteen of chance.
 */
export function newId(prefix: IdPrefix, nowMs = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    lastCount = 0
  } else lastCount += 1
  // Should the clock go back, or a millisecond take more than 32,768 ids, ids go on from the last: order matters more than the time.
  if (lastCount === 32 ** 3) {
    lastMs += 1
    lastCount = 0
  }
  return `${prefix}_${written(lastMs, 10)}${written(lastCount, 3)}${chance(13)}`
}

/** The lowest id that could have been made at a time; for listing by time. */
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

function chance(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += ALPHABET.charAt(byte & 31)
  return text
}

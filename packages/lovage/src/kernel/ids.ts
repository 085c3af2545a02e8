import { createHash, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

/** A new random id (UUID version 4). */
export const newId = (): string => randomUUID()

let prefix = ''
let prefixMs = 0

/**
 * A new id of a task or a group: a UUID of version 7 (RFC 9562), which begins with its time, so that stores that order by id change few
 * pages for many new ones. Celery's are of version 4; it reads any text.
 */
export function newTaskId(): string {
  const nowMs = Date.now()
  if (nowMs !== prefixMs) {
    const time = nowMs.toString(16).padStart(12, '0')
    prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`
    prefixMs = nowMs
  }
  return prefix + randomUUID().slice(prefix.length)
}

/** Random in each process, so that its serial numbers are unique in the fleet. */
const OWN_SERIES = randomUUID().slice(0, 24)
let serial = 0

/** A new unique id for a delivery, in the form of a UUID. It is not random: the next can be guessed. */
export function newTag(): string {
  return OWN_SERIES + (++serial).toString(16).padStart(12, '0')
}

/** `name@host`, the form in which Celery names a worker. */
export const nodeName = (name: string): string => `${name}@${hostname()}`

/** Celery's `origin` header for a producer that is not a worker: `gen<pid>@<host>`. */
export const producerOrigin = (): string => nodeName(`gen${process.pid}`)

/** Always the same id for the same words: repeated work must get the id it had before. */
export function derivedId(...words: readonly (string | number)[]): string {
  const hex = createHash('sha1').update(words.join('\u0000')).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`
}

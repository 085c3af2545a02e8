/**
 * Rewrites header tables of incoming frames, in place, so that the client library can read them.
 *
 * py-amqp writes integers beyond 31 bits under the specification's letter `L`, which the library does not know: it would throw, close the
 * connection, and do so again with every redelivery. `L` becomes RabbitMQ's `l`, which has the same eight bytes. A table that is unreadable
 * for any other reason becomes a table of one entry that holds its bytes, so that the message arrives and can be put aside.
 */

const HEADER_FRAME = 2
/** Frame header, then class, weight, body size, and flags. */
const FLAGS_AT = 7 + 2 + 2 + 8
const HAS_CONTENT_TYPE = 0x8000
const HAS_ENCODING = 0x4000
const HAS_HEADERS = 0x2000

/** The name under which the bytes of an unreadable table arrive. */
export const UNREADABLE = '?'

/** Byte counts of the fixed-length type letters; the library reads these. */
const FIXED: Readonly<Record<string, number>> = {
  t: 1, b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8, L: 8, f: 4, d: 8, D: 5, T: 8, V: 0,
} // biome-ignore format: letters and their lengths

/** Checks the frame at the start of `bytes`; leaves anything but a complete content header unchanged. */
export function mendIncomingTable(bytes: Buffer): void {
  if (bytes.length < FLAGS_AT + 2 || bytes[0] !== HEADER_FRAME) return
  const end = 7 + bytes.readUInt32BE(3)
  if (bytes.length < end + 1) return
  const flags = bytes.readUInt16BE(FLAGS_AT)
  if ((flags & HAS_HEADERS) === 0) return
  let at = FLAGS_AT + 2
  if (flags & HAS_CONTENT_TYPE) at += 1 + (bytes[at] ?? 0)
  if (flags & HAS_ENCODING) at += 1 + (bytes[at] ?? 0)
  if (at + 4 > end) return
  const tableEnd = at + 4 + bytes.readUInt32BE(at)
  if (tableEnd > end) return
  if (!mendTable(bytes, at + 4, tableEnd)) wrapTable(bytes, at + 4, tableEnd)
}

/** Nesting limit of a table; more would exhaust the reader's stack. */
export const DEEPEST = 100

/** False when it is unreadable. */
function mendTable(bytes: Buffer, from: number, end: number, depth = 0): boolean {
  if (depth > DEEPEST) return false
  let at = from
  while (at < end) {
    at += 1 + (bytes[at] ?? 0)
    at = mendValue(bytes, at, end, depth)
    if (at < 0) return false
  }
  return at === end
}

/** Where the value ends, or -1. */
function mendValue(bytes: Buffer, at: number, end: number, depth: number): number {
  if (at >= end || depth > DEEPEST) return -1
  const letter = String.fromCharCode(bytes[at] ?? 0)
  const fixed = FIXED[letter]
  if (letter === 'L') bytes[at] = 0x6c
  if (fixed !== undefined) return at + 1 + fixed <= end ? at + 1 + fixed : -1
  if (!'SxFA'.includes(letter) || at + 5 > end) return -1
  const valueEnd = at + 5 + bytes.readUInt32BE(at + 1)
  if (valueEnd > end) return -1
  if (letter === 'F') return mendTable(bytes, at + 5, valueEnd, depth + 1) ? valueEnd : -1
  if (letter === 'A') {
    for (let item = at + 5; item < valueEnd; ) {
      item = mendValue(bytes, item, valueEnd, depth + 1)
      if (item < 0) return -1
    }
  }
  return valueEnd
}

/** Replaces all entries with one entry of their bytes; a table that is too short gets an entry without a value. */
function wrapTable(bytes: Buffer, from: number, end: number): void {
  const length = end - from
  // No entry fits: a malformed table this short cannot be made readable.
  if (length < 2) return
  // Name (with its length), letter, length of the value.
  const head = 1 + 1 + 1 + 4
  if (length < head) {
    const name = length - 2
    bytes[from] = name
    bytes.fill(UNREADABLE, from + 1, from + 1 + name)
    bytes[end - 1] = 'V'.charCodeAt(0)
    return
  }
  bytes.copyWithin(from + head, from, end - head)
  bytes[from] = 1
  bytes[from + 1] = UNREADABLE.charCodeAt(0)
  bytes[from + 2] = 'x'.charCodeAt(0)
  bytes.writeUInt32BE(length - head, from + 3)
}

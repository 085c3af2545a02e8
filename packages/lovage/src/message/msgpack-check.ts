import { undecodable } from './json-reader.js'
import { MAX_DEPTH } from './limits.js'

/**
 * Walks msgpack data without building anything, and throws a MessageError unless every announced item is present. The library allocates
 * room for as many items as a header announces, so five bytes could otherwise claim gigabytes.
 */
export function checkMsgpack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** The remaining item count of each open container. */
  const open: number[] = []
  let at = 0
  try {
    for (;;) {
      const [headBytes, payload, items] = head(view, at)
      at += headBytes + payload
      if (at > bytes.length) throw undecodable('the msgpack data ends too early')
      if (items > 0) {
        if (open.push(items) > MAX_DEPTH) throw undecodable(`the value nests deeper than ${MAX_DEPTH} levels`)
        continue
      }
      let left = open.length
      while (left > 0) {
        const remaining = (open[left - 1] ?? 1) - 1
        open[left - 1] = remaining
        if (remaining > 0) break
        left--
      }
      open.length = left
      if (left === 0) return
    }
  } catch (error) {
    if (error instanceof RangeError) throw undecodable('the msgpack data ends too early', {}, error)
    throw error
  }
}

type Head = readonly [headBytes: number, payload: number, items: number]

/** Payload bytes of the types 0xc4–0xdf whose size is fixed; −1 where a length follows. */
const FIXED: readonly number[] = [
  -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1, -1,
]

/** The length of the item at `at`, and the number of items it contains. */
function head(view: DataView, at: number): Head {
  const type = view.getUint8(at)
  if (type <= 0x7f || type >= 0xe0) return [1, 0, 0]
  if (type <= 0x8f) return [1, 0, (type & 0x0f) * 2]
  if (type <= 0x9f) return [1, 0, type & 0x0f]
  if (type <= 0xbf) return [1, type & 0x1f, 0]
  if (type <= 0xc3) {
    if (type === 0xc1) throw undecodable('the msgpack data holds a type that does not exist')
    return [1, 0, 0]
  }
  const fixed = FIXED[type - 0xc4] ?? -1
  if (fixed >= 0) return [1, fixed, 0]
  switch (type) {
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return [2, view.getUint8(at + 1), 0]
    case 0xc5:
    case 0xda:
      return [3, view.getUint16(at + 1), 0]
    case 0xc6:
    case 0xdb:
      return [5, view.getUint32(at + 1), 0]
    case 0xc7: // ext 8: the length, then one byte of type
      return [2, view.getUint8(at + 1) + 1, 0]
    case 0xc8:
      return [3, view.getUint16(at + 1) + 1, 0]
    case 0xc9:
      return [5, view.getUint32(at + 1) + 1, 0]
    case 0xdc: // array 16
      return [3, 0, view.getUint16(at + 1)]
    case 0xdd:
      return [5, 0, view.getUint32(at + 1)]
    case 0xde: // map 16
      return [3, 0, view.getUint16(at + 1) * 2]
    default:
      return [5, 0, view.getUint32(at + 1) * 2]
  }
}

import { randomUUID } from 'node:crypto'

/** Writes JSON in which integers of any size keep every digit; values without a JSON form are written as text. */
export function toJson(value: unknown, indent = 0): string {
  const mark = randomUUID()
  const text = JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner === 'bigint') return `${mark}${inner}`
      if (typeof inner === 'number' && !Number.isFinite(inner)) return String(inner)
      if (inner instanceof Error) return { type: inner.name, message: inner.message }
      if (inner instanceof Map) return Object.fromEntries(inner)
      if (inner instanceof Set) return [...inner]
      if (inner instanceof Uint8Array) return Buffer.from(inner).toString('base64')
      return inner
    },
    indent,
  )
  // Nothing else in the text can begin with a freshly generated mark.
  return text?.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1') ?? 'null'
}

/** A whole string or number token. */
const PIECE = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const BIG = /^-?\d{16,}$/

/** Reads JSON; integers beyond a number's range become bigints. @throws {SyntaxError} */
export function fromJson(text: string): unknown {
  const mark = randomUUID()
  let hasBig = false
  const marked = text.replace(PIECE, (piece) => {
    if (!BIG.test(piece) || Number.isSafeInteger(Number(piece))) return piece
    hasBig = true
    return `"${mark}${piece}"`
  })
  if (!hasBig) return JSON.parse(text)
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  )
}

import { endOfString } from './json-scan.js'

/**
 * The envelope with `headers.redelivered` and `properties.delivery_info.redelivered` set to true, as kombu sets them
 * when it restores a message. Every other character stays: integers, NaN, spaces and unknown fields come out as they
 * went in, which a parser and writer would not promise. What is no envelope comes back as it is.
 */
export function markRedelivered(raw: string): string {
  const headers = member(raw, 0, 'headers')
  const properties = member(raw, 0, 'properties')
  const info = properties === undefined ? undefined : member(raw, properties.start, 'delivery_info')
  const places = [headers, info].filter((place) => place !== undefined)
  // From the end, so that the first splice does not move the second place.
  places.sort((a, b) => b.start - a.start)
  return places.reduce((text, place) => setFlag(text, place.start), raw)
}

/** A value in the text: its first character and the one after its last. */
interface Place {
  readonly start: number
  readonly end: number
}

function setFlag(text: string, start: number): string {
  if (text[start] !== '{') return text
  const present = member(text, start, 'redelivered')
  if (present !== undefined) return `${text.slice(0, present.start)}true${text.slice(present.end)}`
  const first = skipSpace(text, start + 1)
  const comma = text[first] === '}' ? '' : ','
  return `${text.slice(0, start + 1)}"redelivered":true${comma}${text.slice(start + 1)}`
}

/** Finds the value of a member of the object that begins at `from`; of repeated members the last, as parsers do. */
function member(text: string, from: number, name: string): Place | undefined {
  let found: Place | undefined
  let at = skipSpace(text, from)
  if (text[at] !== '{') return undefined
  at = skipSpace(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const key = text.slice(at + 1, nameEnd)
    at = skipSpace(text, nameEnd + 1)
    if (text[at] !== ':') return found
    const start = skipSpace(text, at + 1)
    const end = endOfValue(text, start)
    if (key === name) found = { start, end }
    at = skipSpace(text, end)
    if (text[at] !== ',') return found
    at = skipSpace(text, at + 1)
  }
  return found
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) <= 32) at++
  return at
}

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start) + 1
  let at = start
  if (first !== '{' && first !== '[') {
    while (at < text.length && !',}] \t\r\n'.includes(text.charAt(at))) at++
    return at
  }
  for (let depth = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1
  }
  return text.length
}

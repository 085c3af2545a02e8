import { member, skipSpace } from '../message/index.js'

/**
 * The envelope with `headers.redelivered` and `properties.delivery_info.redelivered` set to true, as kombu sets them when it restores a
 * message. Every other character stays: integers, NaN, spaces and unknown fields are preserved, which parsing and rewriting would not
 * guarantee. Text that is not an envelope is returned unchanged.
 */
export function markRedelivered(raw: string): string {
  const headers = member(raw, 0, 'headers')
  const properties = member(raw, 0, 'properties')
  const info = properties === undefined ? undefined : member(raw, properties.start, 'delivery_info')
  const places = [headers, info].filter((place) => place !== undefined)
  // From the end, so that the first splice does not shift the second position.
  places.sort((a, b) => b.start - a.start)
  return places.reduce((text, place) => setFlag(text, place.start), raw)
}

function setFlag(text: string, start: number): string {
  if (text[start] !== '{') return text
  const present = member(text, start, 'redelivered')
  if (present !== undefined) return `${text.slice(0, present.start)}true${text.slice(present.end)}`
  const first = skipSpace(text, start + 1)
  const comma = text[first] === '}' ? '' : ','
  return `${text.slice(0, start + 1)}"redelivered":true${comma}${text.slice(start + 1)}`
}

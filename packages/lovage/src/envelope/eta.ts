import { formatTime, member } from '../message/index.js'

/**
 * The envelope with another ETA, or none: a worker waits for the message's own ETA, even if the message was moved before. Every other
 * character stays. Text that is not an envelope with headers, or has no ETA and needs none, is returned unchanged.
 */
export function withEta(raw: string, dueMs: number | undefined): string {
  const headers = member(raw, 0, 'headers')
  if (headers === undefined || raw[headers.start] !== '{') return raw
  const eta = dueMs === undefined ? 'null' : JSON.stringify(formatTime(dueMs))
  const present = member(raw, headers.start, 'eta')
  if (present !== undefined) return raw.slice(0, present.start) + eta + raw.slice(present.end)
  if (dueMs === undefined) return raw
  const inside = headers.start + 1
  const comma = /^\s*\}/.test(raw.slice(inside, inside + 100)) ? '' : ','
  return `${raw.slice(0, inside)}"eta":${eta}${comma}${raw.slice(inside)}`
}

import { formatTime, member } from '../message/index.js'

/**
 * The envelope with another ETA, or none: a worker waits for what the message says, whatever moved it before. Every other
 * character stays. What is no envelope with headers, or has no ETA and needs none, comes back as it is.
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

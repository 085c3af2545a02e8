import { OPEN_KEY } from '../../coordination/index.js'
import type { UniqueOptions } from '../tasks/index.js'

/** Custom header: the guard keys that a call holds, read when it is settled. */
export const GUARD_HEADER = 'x-lovage-guard'
/** The space of unique calls: key → id of the task that holds it, for timed keys its due time, and `pending` until it is published. */
export const UNIQUE = 'unique'
/** The space of latest calls: key → `<stamp> <task id>`. */
export const LATEST = 'latest'
/** The space of open circuit breakers: key → `<Unix ms until which it is open> <task>`. */
export const BREAKERS = 'breakers'
/** How long the latest call is remembered, counted from its due time. */
export const LATEST_KEPT_MS = 3_600_000

/** A message's guard. */
export type MessageGuard =
  | {
      readonly kind: 'unique'
      readonly until: NonNullable<UniqueOptions['until']>
      readonly forMs: number
      readonly key: string
    }
  | { readonly kind: 'latest'; readonly stamp: number; readonly key: string }

/** Returns the header of a guard. */
export const writeGuard = (guard: MessageGuard): string =>
  guard.kind === 'unique'
    ? `unique ${guard.until} ${guard.forMs} ${guard.key}`
    : `latest ${guard.stamp} ${guard.key}`

/** Returns the guard that a message names; headers are untrusted, and a malformed one counts as none. */
export function readGuard(headers: Readonly<Record<string, unknown>>): MessageGuard | undefined {
  const header = headers[GUARD_HEADER]
  if (typeof header !== 'string') return undefined
  const unique = /^unique (start|end|success|expiry) (\d+(?:\.\d+)?) (.+)$/s.exec(header)
  // The pattern names the four.
  if (unique)
    return {
      kind: 'unique',
      until: unique[1] as NonNullable<UniqueOptions['until']>,
      forMs: Number(unique[2]),
      key: unique[3] ?? '',
    }
  const latest = /^latest (\d+) (.+)$/s.exec(header)
  return latest ? { kind: 'latest', stamp: Number(latest[1]), key: latest[2] ?? '' } : undefined
}

/** When the call marked as the latest was made. */
export const stampOf = (value: string): number => Number(value.split(' ', 1)[0])

const PENDING = ' pending'
/** The value of a key whose call is not known to be published. */
export const pendingValue = (value: string): string => value + PENDING
/** Whether a key is held for a call that may never come to be; also true of one that an open transaction may set. */
export const isPending = (value: string): boolean => value === OPEN_KEY || value.endsWith(PENDING)

/** The marks of a timed key that calls for a time may meet: those of its slot first, of one period each, and of its neighbours. */
export function slotsOf(key: string, dueMs: number, forMs: number): readonly string[] {
  const slot = Math.floor(dueMs / forMs)
  return [slot, slot - 1, slot + 1].map((number) => `${key}@${number}`)
}

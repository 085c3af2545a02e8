import type { UniqueOptions } from '../tasks/index.js'

/** Custom header: the guard keys that a call holds, read when it is settled. */
export const GUARD_HEADER = 'x-lovage-guard'
/** The space of unique calls: key → id of the task that holds it. */
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

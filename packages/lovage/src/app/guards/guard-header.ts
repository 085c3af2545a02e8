import type { UniqueOptions } from '../tasks/index.js'

/** Custom header: what a call holds against others like it, for whoever settles it. */
export const GUARD_HEADER = 'x-lovage-guard'
/** Where unique calls are marked: key → id of the task that has it. */
export const UNIQUE = 'unique'
/** Where the latest calls are marked: key → `<stamp> <task id>`. */
export const LATEST = 'latest'
/** Where open circuit breakers are marked: key → `<Unix ms until which it is open> <task>`. */
export const BREAKERS = 'breakers'
/** How long it is known which call was the latest, from when it is due. */
export const LATEST_KEPT_MS = 3_600_000

/** What a message says of its guard. */
export type MessageGuard =
  | {
      readonly kind: 'unique'
      readonly until: NonNullable<UniqueOptions['until']>
      readonly forMs: number
      readonly key: string
    }
  | { readonly kind: 'latest'; readonly stamp: number; readonly key: string }

/** The header of a guard. */
export const writeGuard = (guard: MessageGuard): string =>
  guard.kind === 'unique'
    ? `unique ${guard.until} ${guard.forMs} ${guard.key}`
    : `latest ${guard.stamp} ${guard.key}`

/** The guard that a message names; anybody may write headers, and what is none counts as none. */
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

/** When the call that is marked as the latest was made. */
export const stampOf = (value: string): number => Number(value.split(' ', 1)[0])

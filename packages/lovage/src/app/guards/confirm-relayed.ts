import type { Mark, MarkReplacement } from '../../coordination/index.js'
import { parseTime } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { isPending, LATEST_KEPT_MS, pendingValue, readGuard, slotsOf, UNIQUE } from './guard-header.js'
import { putLatest } from './put-latest.js'

/** The headers of a task message. */
type Headers = Readonly<Record<string, unknown>>

/** How long a key is held for a message that is about to be published. */
const PENDING_MS = 30_000

/**
 * Messages of guarded calls are about to be published again, even if another call holds their key: each takes its key if that is free.
 * `confirmRelayed` follows once they are published.
 */
export async function claimAgain(
  core: Pick<AppCore, 'clock' | 'coordination'>,
  again: readonly Headers[],
): Promise<void> {
  const marks = again.flatMap((headers): readonly Mark[] => {
    const guard = readGuard(headers)
    if (guard?.kind !== 'unique' || guard.until === 'expiry') return []
    return [
      { key: guard.key, value: pendingValue(String(headers.id)), expiresMs: core.clock.now() + PENDING_MS },
    ]
  })
  if (marks.length > 0) await (await core.coordination()).put(UNIQUE, marks, { ifAbsent: true })
}

/**
 * Calls of committed transactions are about to be published: they hold their keys for good, and count as the latest. A key that has ended
 * meanwhile stays free, as the task may have run already when this is repeated.
 */
export async function confirmRelayed(
  core: Pick<AppCore, 'clock' | 'coordination'>,
  relayed: readonly Headers[],
): Promise<void> {
  const guarded = relayed.flatMap((headers) => {
    const guard = readGuard(headers)
    return guard ? [{ guard, id: String(headers.id), dueMs: dueOf(headers, core.clock.now()) }] : []
  })
  if (guarded.length === 0) return
  const coordination = await core.coordination()
  const lasting = new Map<string, { readonly id: string; readonly expiresMs: number }>()
  for (const { guard, id, dueMs } of guarded) {
    if (guard.kind === 'latest') {
      const mark = { key: guard.key, value: `${guard.stamp} ${id}`, expiresMs: dueMs + LATEST_KEPT_MS }
      await putLatest(core.clock, coordination, mark, guard.stamp)
      continue
    }
    const names = guard.until === 'expiry' ? slotsOf(guard.key, dueMs, guard.forMs) : [guard.key]
    for (const name of names) lasting.set(name, { id, expiresMs: dueMs + guard.forMs })
  }
  const standing = lasting.size === 0 ? [] : await coordination.list(UNIQUE, [...lasting.keys()])
  const replacements = standing.flatMap((mark): readonly MarkReplacement[] => {
    const own = lasting.get(mark.key)
    if (!own || !isPending(mark.value) || !mark.value.startsWith(`${own.id} `)) return []
    return [{ was: mark.value, mark: confirmed(mark, own.expiresMs) }]
  })
  if (replacements.length > 0) await coordination.replace(UNIQUE, replacements)
}

const confirmed = ({ key, value }: Mark, expiresMs: number): Mark => ({
  key,
  value: value.slice(0, value.lastIndexOf(' ')),
  expiresMs,
})

const dueOf = ({ eta }: Headers, nowMs: number): number =>
  Math.max(nowMs, (typeof eta === 'string' ? parseTime(eta) : undefined) ?? nowMs)

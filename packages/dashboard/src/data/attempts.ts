import type { TaskEntry, TimelineEntry } from '../history/task-entry.js'
import type { Attempt } from './tasks-page.js'

const OUTCOMES: Readonly<Record<string, Attempt['outcome']>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  retried: 'retried',
  revoked: 'revoked',
  rejected: 'rejected',
}

/** The runs of a task, derived from its timeline: each begins when a worker receives it, and ends with its outcome. */
export function attemptsOf({ timeline }: Pick<TaskEntry, 'timeline'>, isLost: boolean): readonly Attempt[] {
  const attempts: Attempt[] = []
  let open: TimelineEntry[] = []
  const close = (): void => {
    if (open.length > 0) attempts.push(attemptOf(attempts.length + 1, open, isLost))
    open = []
  }
  for (const entry of timeline) {
    if (entry.kind === 'sent') continue
    // Received again: the previous run was lost, or has ended.
    if (entry.kind === 'received' && open.some(({ kind }) => kind === 'received')) close()
    open.push(entry)
    if (entry.kind in OUTCOMES) close()
  }
  close()
  return attempts
}

function attemptOf(number: number, entries: readonly TimelineEntry[], isLost: boolean): Attempt {
  const at = (kind: string): number | null => entries.find((entry) => entry.kind === kind)?.ms ?? null
  const last = entries.at(-1)
  const outcome = last ? OUTCOMES[last.kind] : undefined
  const [receivedMs, startedMs] = [at('received'), at('started')]
  const endedMs = outcome ? (last?.ms ?? null) : null
  const begun = startedMs !== null
  return {
    number,
    worker: entries.find(({ node }) => node !== null)?.node ?? null,
    receivedMs,
    startedMs,
    endedMs,
    outcome: outcome ?? (isLost ? 'lost' : begun ? 'running' : 'waiting'),
    error: last?.exception ?? null,
    waited: between(receivedMs, startedMs),
    ran: between(startedMs, endedMs),
  }
}

const between = (fromMs: number | null, toMs: number | null): number | null =>
  fromMs === null || toMs === null ? null : Math.max(0, toMs - fromMs) / 1000

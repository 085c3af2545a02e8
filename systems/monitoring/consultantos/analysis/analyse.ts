import type { Sql } from 'lovage-systems-kit'
import { median, quantile, sampleCorrelation } from 'simple-statistics'

/** How one page has fared. */
export interface MonitorReport {
  readonly monitor_id: string
  readonly checks: number
  /** Share of checks that found it up, 0–1. */
  readonly availability: number
  readonly changes: number
  readonly median_ms: number | null
  readonly p95_ms: number | null
  /** Words that it uses most, of those that not all pages use. */
  readonly words: readonly string[]
}

/** Monitors side by side. */
export interface Analysis {
  readonly since: string
  readonly monitors: readonly MonitorReport[]
  /** Whether slow hours are slow for both, for each pair with enough checks: −1 to 1. */
  readonly correlations: readonly { readonly monitors: readonly [string, string]; readonly r: number }[]
}

const WORD = /\p{L}{4,}/gu
const WORDS = 5
const FEWEST_PAIRS = 10

/** Compares pages over a time, and keeps the report under the id. */
export async function analyse(
  db: Sql,
  id: string,
  monitorIds: readonly string[],
  sinceMs: number,
  nowMs: number,
): Promise<Analysis> {
  const pages = await Promise.all(
    monitorIds.map(async (monitor_id) => {
      const rows = await db.query(
        'SELECT status, duration_ms, changed, text FROM snapshots WHERE monitor_id = $1 AND taken_ms >= $2 ORDER BY taken_ms',
        [monitor_id, sinceMs],
      )
      const text = String(rows.at(-1)?.text ?? '').toLowerCase()
      return {
        monitor_id,
        rows,
        durations: rows.map(({ duration_ms }) => Number(duration_ms)),
        counts: counted(text),
      }
    }),
  )
  const common = (word: string): boolean => pages.length > 1 && pages.every(({ counts }) => counts.has(word))
  const monitors = pages.map(({ monitor_id, rows, durations, counts }) => ({
    monitor_id,
    checks: rows.length,
    availability:
      rows.length === 0
        ? 0
        : rows.filter(({ status }) => Number(status) >= 200 && Number(status) < 400).length / rows.length,
    changes: rows.filter(({ changed }) => Number(changed) === 1).length,
    median_ms: durations.length === 0 ? null : median(durations),
    p95_ms: durations.length === 0 ? null : quantile(durations, 0.95),
    words: [...counts]
      .filter(([word]) => !common(word))
      .sort(([a, one], [b, other]) => other - one || a.localeCompare(b))
      .slice(0, WORDS)
      .map(([word]) => word),
  }))
  const correlations = pages.flatMap((one, at) =>
    pages.slice(at + 1).flatMap((other) => {
      const length = Math.min(one.durations.length, other.durations.length)
      if (length < FEWEST_PAIRS) return []
      const r = sampleCorrelation(one.durations.slice(-length), other.durations.slice(-length))
      return Number.isFinite(r) ? [{ monitors: [one.monitor_id, other.monitor_id] as const, r }] : []
    }),
  )
  const analysis = { since: new Date(sinceMs).toISOString(), monitors, correlations }
  await db.query(
    'INSERT INTO analyses (id, report, made_ms) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING',
    [id, JSON.stringify(analysis), nowMs],
  )
  return analysis
}

function counted(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const [word] of text.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

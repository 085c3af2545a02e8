import { createHash } from 'node:crypto'
import { diffLines } from 'diff'
import type { Sql } from 'lovage-systems-kit'
import type { Finding } from '../alerts/alert.js'
import { unusual } from '../analysis/anomaly.js'
import { fetchPage, type Page } from './fetch-page.js'
import type { Monitor } from './monitor.js'
import { pageText } from './page-text.js'

/** What was seen at one time. */
export interface Snapshot {
  /** 0 = nobody answered. */
  readonly status: number
  readonly duration_ms: number
  readonly bytes: number
  readonly changed: boolean
  /** Lines with `+` and `-` before them. */
  readonly difference: string | null
}

/** A difference is shown up to here. */
const MOST_SHOWN = 20_000
/** Pages that differ in more lines than this are told as new. */
const MOST_EDITS = 2000

/** Looks at a page, keeps what it saw under the id, and tells what people should know. Repeated under its id it keeps nothing twice. */
export async function checkPage(
  db: Sql,
  monitor: Monitor,
  id: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly findings: readonly Finding[] }> {
  const page = await answered(monitor.url, signal)
  const text = page.status >= 200 && page.status < 300 ? pageText(page.html) : ''
  const hash = createHash('sha256').update(text).digest('hex')
  const [before] = await db.query(
    'SELECT status, hash, text FROM snapshots WHERE monitor_id = $1 AND id <> $2 ORDER BY taken_ms DESC, id DESC LIMIT 1',
    [monitor.id, id],
  )
  const wasUp = before === undefined || isUp(Number(before.status))
  const changed = isUp(page.status) && before !== undefined && wasUp && before.hash !== hash
  const difference = changed ? differenceOf(String(before?.text), text) : null
  await db.query(
    `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed, difference)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
    [
      id,
      monitor.id,
      nowMs,
      page.status,
      page.durationMs,
      page.bytes,
      hash,
      text,
      changed ? 1 : 0,
      difference,
    ],
  )
  const findings: Finding[] = []
  if (!isUp(page.status) && wasUp)
    findings.push({
      kind: 'down',
      message: page.status === 0 ? `no server answers: ${page.html}` : `it answers ${page.status}`,
    })
  if (isUp(page.status) && !wasUp) findings.push({ kind: 'up', message: `it answers ${page.status} again` })
  if (changed) findings.push({ kind: 'changed', message: difference ?? '' })
  if (isUp(page.status)) {
    const odd = await unusual(db, monitor.id, { duration_ms: page.durationMs, bytes: page.bytes })
    if (odd) findings.push({ kind: 'anomaly', message: odd })
  }
  const { status, durationMs: duration_ms, bytes } = page
  return { snapshot: { status, duration_ms, bytes, changed, difference }, findings }
}

const isUp = (status: number): boolean => status >= 200 && status < 400

/** A page that does not answer is something seen, too; what makes the check itself impossible is thrown. */
async function answered(url: string, signal: AbortSignal): Promise<Page> {
  const beganMs = performance.now()
  try {
    return await fetchPage(url, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.name === 'Unfit') throw error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const why = cause instanceof Error ? cause.message || cause.name : String(cause)
    return { status: 0, html: why, bytes: 0, durationMs: Math.round(performance.now() - beganMs) }
  }
}

function differenceOf(before: string, after: string): string {
  const parts = diffLines(before, after, { maxEditLength: MOST_EDITS })
  if (!parts) return 'nearly all lines of the page are new'
  const lines = parts.flatMap(({ added, removed, value }) => {
    const sign = added ? '+ ' : removed ? '- ' : undefined
    return sign === undefined
      ? []
      : value
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => sign + line)
  })
  const text = lines.join('\n')
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}

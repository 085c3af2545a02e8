import { createHash } from 'node:crypto'
import { diffLines } from 'diff'
import type { Finding } from '../alerts/alert.js'
import { unusual } from '../analysis/anomaly.js'
import { fetchPage, type Page } from './fetch-page.js'
import type { Monitor } from './monitor.js'
import { pageText } from './page-text.js'
import { keepSnapshot, lastSnapshot, type Snapshot, textOf } from './snapshots.js'

/** A difference is shown up to here. */
const MOST_SHOWN = 20_000
/** Pages that differ in more lines than this are told as new. */
const MOST_EDITS = 2000

/** Looks at a page, keeps what it saw under the id, and tells what people should know. Repeated under its id it keeps nothing twice. */
export async function checkPage(
  monitor: Monitor,
  id: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly findings: readonly Finding[] }> {
  const page = await answered(monitor.url, signal)
  const text = page.status >= 200 && page.status < 300 ? pageText(page.html) : ''
  const hash = createHash('sha256').update(text).digest('hex')
  const before = await lastSnapshot({ id, monitor_id: monitor.id })
  const wasUp = before === undefined || isUp(before.status)
  const changed = isUp(page.status) && before !== undefined && wasUp && before.hash !== hash
  const difference = changed ? differenceOf(await textOf(before.id), text) : null
  const { status, durationMs: duration_ms, bytes } = page
  const snapshot = { status, duration_ms, bytes, changed, difference }
  await keepSnapshot({ id, monitor_id: monitor.id, taken_ms: nowMs, hash, text, ...snapshot })
  const findings: Finding[] = []
  if (!isUp(page.status) && wasUp)
    findings.push({
      kind: 'down',
      message: page.status === 0 ? `no server answers: ${page.html}` : `it answers ${page.status}`,
    })
  if (isUp(page.status) && !wasUp) findings.push({ kind: 'up', message: `it answers ${page.status} again` })
  if (changed) findings.push({ kind: 'changed', message: difference ?? '' })
  if (isUp(page.status)) {
    const odd = await unusual(monitor.id, snapshot)
    if (odd) findings.push({ kind: 'anomaly', message: odd })
  }
  return { snapshot, findings }
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

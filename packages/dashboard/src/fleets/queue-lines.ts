import type { QueueReport } from 'lovage'
import type { Fleet } from './fleet.js'
import type { QueueLine } from './queue-line.js'

/** How long a report is cached: many open pages cost the broker no more than one. */
const FRESH_MS = 1_000
/** The report of very many queues takes long: it is kept for this many times as long, but no longer than the following. */
const TIMES_AS_LONG = 8
const STALE_MS = 15_000
/** How long a page waits for a new report while it has one that is not too old; the next page has the new one. */
const PATIENCE_MS = 20

interface Reports {
  /** Until when it is taken for the present state. */
  untilMs: number
  readonly lines: Promise<readonly QueueLine[] | undefined>
  /** The report before it, while this one is on its way, and when it was asked for. */
  before: { readonly lines: readonly QueueLine[]; readonly askedMs: number } | undefined
  readonly askedMs: number
  isDone?: boolean
}
const reports = new WeakMap<Fleet, Reports>()

/** All queues of a fleet; undefined when the broker is unreachable. */
export function queueLines(fleet: Fleet): Promise<readonly QueueLine[] | undefined> {
  const { clock } = fleet.app
  const beganMs = clock.now()
  const known = reports.get(fleet)
  if (known && beganMs < known.untilMs) return soon(known, beganMs)
  const lines = fleet.tried('broker', async () => {
    const [report, paused] = await Promise.all([
      fleet.app.queues.report(),
      fleet.app.control.pausedQueues().catch((): readonly string[] => []),
    ])
    return linesOf(fleet, [...report, ...(await heardOf(fleet, report))], paused)
  })
  // While it is on its way, all wait for the same one.
  const report: Reports = { untilMs: beganMs + STALE_MS, lines, before: undefined, askedMs: beganMs }
  reports.set(fleet, report)
  void known?.lines.then((found) => {
    if (found && !report.isDone) report.before = { lines: found, askedMs: known.askedMs }
  })
  void lines.then((found) => {
    report.isDone = true
    report.before = undefined
    const nowMs = clock.now()
    const keptMs = Math.min(STALE_MS, Math.max(FRESH_MS, TIMES_AS_LONG * (nowMs - beganMs)))
    // A broker that was away is asked again soon.
    report.untilMs = found ? nowMs + keptMs : nowMs + FRESH_MS
  })
  return soon(report, beganMs)
}

/** The lines of a report, or, while it takes long, of the one before. */
async function soon(report: Reports, nowMs: number): Promise<readonly QueueLine[] | undefined> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE_MS)
  })
  const found = await Promise.race([report.lines, patience])
  clearTimeout(timer)
  if (found !== 'late') return found
  const { before } = report
  return before && nowMs - before.askedMs < STALE_MS ? before.lines : report.lines
}

/** Queue names of the history that are looked at. */
const MOST_HEARD = 100

/**
 * Queues that the broker does not list, as RabbitMQ does not: those that workers consume, and those that tasks were sent to. Ones that
 * are empty, and that no worker consumes, are left out: they may no longer exist.
 */
async function heardOf(fleet: Fleet, known: readonly QueueReport[]): Promise<readonly QueueReport[]> {
  const names = new Set(known.map(({ name }) => name))
  const consumers = consumersOf(fleet)
  const sentTo = await fleet.tried('history', () => fleet.store.facets('queue', MOST_HEARD))
  const others = [...new Set([...(consumers?.keys() ?? []), ...(sentTo ?? []).map(({ value }) => value)])]
  const missing = others.filter((name) => !names.has(name))
  if (missing.length === 0) return []
  return (await fleet.app.queues.report(missing)).filter(
    ({ name, ready, delayed = 0, unacked = 0, dead }) =>
      consumers?.has(name) || ready + delayed + unacked + dead > 0,
  )
}

/** Drops the cached report after a change. */
export const forgetQueueLines = (fleet: Fleet): void => void reports.delete(fleet)

/** The consumers of each queue, as far as workers have reported. */
export function consumersOf(fleet: Fleet): ReadonlyMap<string, readonly string[]> | undefined {
  const consumers = new Map<string, string[]>()
  const alive = new Set(fleet.workers().flatMap(({ hostname, isAlive }) => (isAlive ? [hostname] : [])))
  let hasAnswer = alive.size === 0
  for (const [hostname, { active_queues: queues }] of fleet.asked.known) {
    if (!Array.isArray(queues) || !alive.has(hostname)) continue
    hasAnswer = true
    for (const queue of queues) {
      const name: unknown = queue?.name
      if (typeof name !== 'string') continue
      const workers = consumers.get(name)
      if (workers) workers.push(hostname)
      else consumers.set(name, [hostname])
    }
  }
  return hasAnswer ? consumers : undefined
}

function linesOf(fleet: Fleet, report: readonly QueueReport[], paused: readonly string[]): QueueLine[] {
  const consumers = consumersOf(fleet)
  const isPaused = new Set(paused)
  return report.map(({ name, ready, delayed = null, unacked = null, dead }) => ({
    name,
    ready,
    delayed,
    unacked,
    dead,
    isPaused: isPaused.has(name),
    consumers: consumers ? (consumers.get(name)?.length ?? 0) : null,
  }))
}

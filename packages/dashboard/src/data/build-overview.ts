import type { Fleet } from '../fleets/fleet.js'
import { queueLines } from '../fleets/queue-lines.js'
import type { SeriesPoint } from '../history/rollup.js'
import { counted } from '../values/counted.js'
import type { Overview, QueueLine, Stuck, Throughput } from './overview.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SHOWN_QUEUES = 20
const SHOWN_NAMES = 20
const SHOWN_STUCK = 20
const MANY_WAIT = 1_000

/** The overview of a fleet. */
export async function buildOverview(fleet: Fleet): Promise<Overview> {
  await fleet.askSoon(['active_queues'])
  const nowMs = fleet.app.clock.now()
  const endMs = nowMs - (nowMs % MINUTE_MS) + MINUTE_MS
  const hour = { fromMs: endMs - HOUR_MS, toMs: endMs }
  const [lines = [], minutes = [], names = [], day = []] = await Promise.all([
    queueLines(fleet),
    fleet.tried('history', () => fleet.store.series({ step: 'minute', ...hour })),
    fleet.tried('history', () => fleet.store.series({ step: 'minute', each: true, ...hour })),
    fleet.tried('history', () =>
      fleet.store.series({ step: 'hour', fromMs: endMs - 24 * HOUR_MS - HOUR_MS, toMs: endMs }),
    ),
  ])
  const workers = fleet.workers()
  const lost = workers.filter(({ isAlive, hasLeft }) => !isAlive && !hasLeft).map(({ hostname }) => hostname)
  const alive = workers.filter(({ isAlive }) => isAlive)
  return {
    stuck: stuckOf(lines, lost, alive.length),
    queues: {
      count: lines.length,
      ready: sum(lines.map(({ ready }) => ready)),
      delayed: sumOf(lines.map(({ delayed }) => delayed)),
      unacked: sumOf(lines.map(({ unacked }) => unacked)),
      dead: sum(lines.map(({ dead }) => dead)),
      top: [...lines].sort((one, other) => weightOf(other) - weightOf(one)).slice(0, SHOWN_QUEUES),
    },
    workers: { alive: alive.length, lost, active: sum(alive.map(({ active }) => active)) },
    throughput: throughputOf(minutes, hour.fromMs),
    failures: failuresOf(day),
    names: namesOf(names),
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
const sumOf = (numbers: readonly (number | null)[]): number | null =>
  numbers.every((one) => one === null) && numbers.length > 0 ? null : sum(numbers.map((one) => one ?? 0))

/** The attention weight of a queue: first backlogs that cannot run, then other backlogs, then dead letters. */
const weightOf = ({ ready, dead, isPaused, consumers }: QueueLine): number =>
  ready * (isPaused || consumers === 0 ? 1000 : 1) + Math.min(dead, 1000) / 1000

function stuckOf(lines: readonly QueueLine[], lost: readonly string[], alive: number): Stuck[] {
  const stuck: Stuck[] = []
  for (const { name, ready, isPaused, consumers } of lines) {
    if (ready === 0) continue
    const at = { page: 'queue', of: name } as const
    const waits = counted(ready, 'task waits', 'tasks wait')
    if (isPaused) stuck.push({ severity: 'warning', message: `${waits} in ${name}, which is paused.`, at })
    else if (consumers === 0)
      stuck.push({ severity: 'critical', message: `${waits} in ${name}, which no worker consumes.`, at })
    else if (ready >= MANY_WAIT) stuck.push({ severity: 'warning', message: `${waits} in ${name}.`, at })
  }
  if (alive === 0 && lines.some(({ ready }) => ready > 0))
    stuck.unshift({
      severity: 'critical',
      message: 'Tasks wait, and no worker is alive.',
      at: { page: 'workers', of: null },
    })
  for (const name of lost)
    stuck.push({
      severity: 'critical',
      message: `The worker ${name} disappeared without notice; its messages return to their queues.`,
      at: { page: 'worker', of: name },
    })
  const dead = sum(lines.map((line) => line.dead))
  if (dead > 0)
    stuck.push({
      severity: 'warning',
      message: `There ${dead === 1 ? 'is' : 'are'} ${counted(dead, 'dead letter')}.`,
      at: { page: 'dead-letters', of: null },
    })
  const rank = { critical: 0, warning: 1 }
  return stuck.sort((one, other) => rank[one.severity] - rank[other.severity]).slice(0, SHOWN_STUCK)
}

/** Counts per step in chart form. */
export function throughputOf(points: readonly SeriesPoint[], fromMs: number): Throughput[] {
  const steps = Array.from({ length: HOUR_MS / MINUTE_MS }, (_, n) => ({
    ms: fromMs + n * MINUTE_MS,
    received: 0,
    succeeded: 0,
    failed: 0,
    retried: 0,
    meanRuntime: null as number | null,
  }))
  for (const { ms, kind, count, runtimeMs } of points) {
    const step = steps[Math.floor((ms - fromMs) / MINUTE_MS)]
    if (!step) continue
    if (kind === 'received' || kind === 'succeeded' || kind === 'failed' || kind === 'retried')
      step[kind] += count
    if (kind === 'succeeded' && count > 0) step.meanRuntime = runtimeMs / count / 1000
  }
  return steps
}

function failuresOf(points: readonly SeriesPoint[]): Overview['failures'] {
  const counts = new Map<string, number>()
  for (const { kind, count } of points) {
    if (!kind.startsWith('error:')) continue
    const type = kind.slice('error:'.length)
    counts.set(type, (counts.get(type) ?? 0) + count)
  }
  return [...counts]
    .map(([type, count]) => ({ type, count }))
    .sort((one, other) => other.count - one.count)
    .slice(0, SHOWN_NAMES)
}

function namesOf(points: readonly SeriesPoint[]): Overview['names'] {
  const names = new Map<string, { succeeded: number; failed: number; runtimeMs: number }>()
  for (const { name, kind, count, runtimeMs } of points) {
    if (kind !== 'succeeded' && kind !== 'failed') continue
    const known = names.get(name) ?? { succeeded: 0, failed: 0, runtimeMs: 0 }
    known[kind] += count
    known.runtimeMs += runtimeMs
    names.set(name, known)
  }
  return [...names]
    .map(([name, { succeeded, failed, runtimeMs }]) => ({
      name,
      succeeded,
      failed,
      meanRuntime: succeeded > 0 ? runtimeMs / succeeded / 1000 : null,
    }))
    .sort((one, other) => other.succeeded + other.failed - one.succeeded - one.failed)
    .slice(0, SHOWN_NAMES)
}

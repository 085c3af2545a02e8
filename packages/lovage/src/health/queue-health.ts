import type { AppCore } from '../app/core/index.js'
import {
  describeRedelivered,
  knownQueues,
  type OpenBreaker,
  openBreakers,
  type QueueReport,
  queueReport,
  type RedeliveredTask,
  redeliveredTasks,
} from '../app/fleet/index.js'
import { Inspect } from '../app/operating/index.js'
import { counted, isLovageError, messageOf } from '../kernel/index.js'
import { oldestAge } from './oldest-age.js'
import { type EntryHealth, scheduleHealth, scheduleReasons } from './schedule-health.js'
import { findStuck, type StuckTask } from './stuck-tasks.js'

/** A health status; `unknown` when it cannot be determined. */
export type HealthStatus = 'healthy' | 'degraded' | 'critical' | 'unknown'

/** The thresholds of queue health. */
export interface HealthThresholds {
  /** More dead letters than this are reported as a reason. Default 10. */
  readonly deadWarning?: number
  /** More dead letters than this make a queue degraded. Default 100. */
  readonly deadDegraded?: number
  /** More waiting messages than this make a queue degraded. Default 1000. */
  readonly readyDegraded?: number
  /** More waiting messages than this make a queue critical. Default 10,000. */
  readonly readyCritical?: number
  /** A message waiting for more seconds than this makes a queue degraded. Default 3600. */
  readonly oldestDegraded?: number
  /** Seconds after which an entry of the schedule that was not sent is overdue. Default 60. */
  readonly overdueAfter?: number
  /** Seconds beyond its hard limit after which a running task is stuck. Default 60. */
  readonly stuckAfter?: number
  /** Seconds to wait for workers to answer. Default 1. */
  readonly timeout?: number
}

/** A queue's health and the reasons for it. */
export interface QueueHealth {
  readonly name: string
  readonly status: HealthStatus
  readonly reasons: readonly string[]
  /** Waiting. */
  readonly ready: number
  /** Delayed; null where the broker keeps no count. */
  readonly delayed: number | null
  /** Held by workers; null where the broker keeps no count. */
  readonly unacked: number | null
  readonly dead: number
  /** Seconds for which the oldest of the next messages has been waiting; null when none waits, or it is unknown. */
  readonly oldestSeconds: number | null
  /** The workers that consume it, Python's too. */
  readonly workers: readonly string[]
}

/** The health report; the same object in the API, on the command line and over HTTP. */
export interface Health {
  readonly status: HealthStatus
  readonly reasons: readonly string[]
  readonly queues: readonly QueueHealth[]
  /** The workers that answered. */
  readonly workers: readonly string[]
  readonly stuck: readonly StuckTask[]
  /** Tasks that have lost several workers, one after the other, and who had them last. */
  readonly redelivered: readonly RedeliveredTask[]
  /** Circuit breakers that are not closed. */
  readonly breakers: readonly OpenBreaker[]
  /** The entries of the schedule, and whether a beat serves them. */
  readonly schedule: readonly EntryHealth[]
  /** ISO 8601. */
  readonly checkedAt: string
}

/**
 * Returns the health of the queues; the worst one determines the overall status. Asks the broker for depths and dead letters, and every
 * worker for its queues and running tasks. Never throws for an unreachable server: the status is then `unknown`, with the reason.
 */
export async function getQueueHealth(
  app: AppCore,
  options: HealthThresholds & { readonly queues?: readonly string[] } = {},
): Promise<Health> {
  const checkedAt = new Date(app.clock.now()).toISOString()
  try {
    const names = options.queues ?? (await knownQueues(app))
    const [reports, fleet, breakers, schedule, lost] = await Promise.all([
      queueReport(app, names),
      asked(() => askFleet(app, options.timeout ?? 1)),
      asked(() => breakersOf(app)),
      asked(() => scheduleHealth(app, options.overdueAfter ?? 60)),
      asked(() => redeliveredTasks(app)),
    ])
    const { consumed, active } = fleet.answer ?? { consumed: undefined, active: {} }
    const consumers = consumed && consumersOf(consumed)
    const ages = await agesOf(app, reports)
    const queues = reports.map(({ name, ready, delayed, unacked, dead }): QueueHealth => {
      const workers = consumers?.get(name) ?? []
      const oldestSeconds = ages.get(name) ?? null
      const counts = { ready, delayed: delayed ?? null, unacked: unacked ?? null, dead }
      const facts = { name, ...counts, oldestSeconds }
      return { ...facts, workers, ...judge({ ...facts, ...(consumers ? { workers } : {}) }, options) }
    })
    const stuck = findStuck(app, active, options.stuckAfter ?? 60)
    const open = breakers.answer ?? []
    const entries = schedule.answer ?? []
    const redelivered = lost.answer ?? []
    const late = scheduleReasons(entries)
    const workers = Object.keys(consumed ?? {}).sort()
    // Reported once: for a queue with waiting messages it is reported already.
    const isDeserted = consumed !== undefined && workers.length === 0 && queues.every(isQuiet)
    const faults = [
      ...said('workers cannot be queried', fleet.fault),
      ...said('circuit breakers cannot be read', breakers.fault),
      ...said('the schedule cannot be read', schedule.fault),
      ...said('tasks that lost workers cannot be read', lost.fault),
    ]
    const reasons = [
      ...faults,
      ...queues.flatMap((queue) => queue.reasons.map((reason) => `${queue.name}: ${reason}`)),
      ...stuck.map(
        ({ id, task, seconds, worker }) => `${task}[${id}] has been running for ${seconds} s on ${worker}`,
      ),
      ...redelivered.map(describeRedelivered),
      ...open.map(({ key, state }) => `the circuit breaker ${key} is ${state}`),
      ...late,
      ...(isDeserted ? ['no worker answers'] : []),
    ]
    const statuses = [
      ...queues.map(({ status }) => status),
      ...(stuck.length + redelivered.length + open.length + late.length + faults.length > 0
        ? (['degraded'] as const)
        : []),
      ...(fleet.fault || isDeserted ? (['critical'] as const) : []),
    ]
    const found = { queues, workers, stuck, redelivered, breakers: open, schedule: entries, checkedAt }
    return { status: worst(statuses), reasons, ...found }
  } catch (error) {
    const what = isAway(error) ? 'does not answer' : 'cannot be used'
    const reasons = [`the broker ${what}: ${messageOf(error)}`]
    const nothing = {
      queues: [],
      workers: [],
      stuck: [],
      redelivered: [],
      breakers: [],
      schedule: [],
      checkedAt,
    }
    return { status: 'unknown', reasons, ...nothing }
  }
}

const isQuiet = ({ status }: QueueHealth): boolean => status !== 'critical'

const isAway = (error: unknown): boolean => isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'

/** An answer, or the reason there is none: one failure must not hide the other answers. An unreachable broker is thrown. */
async function asked<T>(ask: () => Promise<T>): Promise<{ readonly answer?: T; readonly fault?: string }> {
  try {
    return { answer: await ask() }
  } catch (error) {
    if (isAway(error)) throw error
    return { fault: messageOf(error) }
  }
}

const said = (what: string, fault: string | undefined): readonly string[] =>
  fault === undefined ? [] : [`${what}: ${fault}`]

async function askFleet(app: AppCore, timeout: number) {
  const inspect = new Inspect(app, { timeout })
  const [consumed, active] = await Promise.all([inspect.activeQueues(), inspect.active()])
  return { consumed, active }
}

async function agesOf(app: AppCore, reports: readonly QueueReport[]): Promise<ReadonlyMap<string, number>> {
  const ages = await Promise.all(
    reports.map(async ({ name, ready }) => {
      const age = ready === 0 ? undefined : await oldestAge(app, name)
      return age === undefined ? [] : [[name, age] as const]
    }),
  )
  return new Map(ages.flat())
}

/** Without a shared coordination store, each worker has its own breakers. */
async function breakersOf(app: AppCore): Promise<readonly OpenBreaker[]> {
  try {
    return await openBreakers(app)
  } catch (error) {
    if (isLovageError(error) && error.code === 'LVG_DRIVER_UNKNOWN') return []
    throw error
  }
}

/** The facts about a queue; without `workers`, its consumers are unknown. */
export type QueueFacts = Pick<QueueHealth, 'ready' | 'dead'> &
  Partial<Pick<QueueHealth, 'delayed' | 'unacked' | 'workers' | 'oldestSeconds'>>

/** Judges one queue. Pure. */
export function judge(
  { ready, delayed, unacked, dead, workers, oldestSeconds }: QueueFacts,
  {
    deadWarning = 10,
    deadDegraded = 100,
    readyDegraded = 1000,
    readyCritical = 10_000,
    oldestDegraded = 3600,
  }: HealthThresholds = {},
): Pick<QueueHealth, 'status' | 'reasons'> {
  const found: (readonly [HealthStatus, string])[] = []
  if (workers?.length === 0) {
    if (ready > 0) found.push(['critical', `${counted(ready, 'waits', 'wait')} and no worker consumes it`])
    if (unacked)
      found.push([
        'critical',
        `${counted(unacked, 'is held', 'are held')} by workers that do not answer, and no worker consumes it`,
      ])
    if (delayed)
      found.push([
        'degraded',
        `${counted(delayed, 'waits for its time', 'wait for their time')} and no worker consumes it`,
      ])
  }
  if (ready > readyCritical)
    found.push(['critical', `${counted(ready, 'waits', 'wait')}, more than ${readyCritical}`])
  else if (ready > readyDegraded)
    found.push(['degraded', `${counted(ready, 'waits', 'wait')}, more than ${readyDegraded}`])
  if (typeof oldestSeconds === 'number' && oldestSeconds > oldestDegraded)
    found.push([
      'degraded',
      `the oldest has been waiting for ${oldestSeconds} s, more than ${oldestDegraded}`,
    ])
  if (dead > deadDegraded)
    found.push(['degraded', `${counted(dead, 'dead letter')}, more than ${deadDegraded}`])
  else if (dead > deadWarning)
    found.push(['healthy', `${counted(dead, 'dead letter')}, more than ${deadWarning}`])
  return { status: worst(found.map(([status]) => status)), reasons: found.map(([, reason]) => reason) }
}

const ORDER: readonly HealthStatus[] = ['healthy', 'degraded', 'critical', 'unknown']
const worst = (statuses: readonly HealthStatus[]): HealthStatus =>
  ORDER[Math.max(0, ...statuses.map((status) => ORDER.indexOf(status)))] ?? 'unknown'

function consumersOf(
  answers: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>,
): ReadonlyMap<string, readonly string[]> {
  const byQueue = new Map<string, string[]>()
  for (const [worker, queues] of Object.entries(answers)) {
    // A node that could not answer sends the reason instead of its queues.
    if (!Array.isArray(queues)) continue
    for (const { name } of queues) byQueue.set(String(name), [...(byQueue.get(String(name)) ?? []), worker])
  }
  return byQueue
}

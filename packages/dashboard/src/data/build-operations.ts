import {
  type DeadLetter,
  type DeadLetterReason,
  getOpenBreakers,
  openSchedules,
  type ScheduleView,
} from 'lovage'
import { connectionsOf } from 'lovage/driver'
import type { Fleet } from '../fleets/fleet.js'
import { toJson } from '../values/lossless-json.js'
import type {
  BrokerPage,
  LetterLine,
  LetterPage,
  LettersPage,
  LettersRequest,
  LimitsPage,
  ScheduleLine,
  SchedulesPage,
} from './operations-pages.js'

/** The number of letters examined for grouping. */
export const GROUPED = 1_000

/** The schedules page. */
export async function buildSchedules(fleet: Fleet): Promise<SchedulesPage> {
  try {
    await using schedules = await openSchedules(fleet.app)
    const entries = (await schedules.list()).filter(({ removed }) => !removed)
    const lastIds = entries.flatMap(({ lastTaskId }) => lastTaskId ?? [])
    const last = (await fleet.tried('history', () => fleet.store.find(lastIds))) ?? []
    const states = new Map(last.map(({ id, state }) => [id, state]))
    return {
      location: schedules.location,
      trouble: null,
      items: entries.map((entry) => scheduleLine(entry, states.get(entry.lastTaskId ?? '') ?? null)),
    }
  } catch (error) {
    return { location: null, trouble: error instanceof Error ? error.message : String(error), items: [] }
  }
}

function scheduleLine(entry: ScheduleView, lastState: string | null): ScheduleLine {
  const {
    args = [],
    kwargs = {},
    options = {},
  } = entry.definition as {
    args?: unknown
    kwargs?: unknown
    options?: { readonly queue?: unknown }
  }
  return {
    name: entry.name,
    task: entry.task,
    schedule: entry.schedule,
    timezone: entry.timezone,
    enabled: entry.enabled,
    source: entry.source,
    changed: entry.changed,
    trouble: entry.trouble ?? null,
    nextMs: entry.nextMs ?? null,
    lastRunMs: entry.lastRunMs,
    lastTaskId: entry.lastTaskId,
    lastState,
    owedSinceMs: entry.owedSinceMs ?? null,
    runs: entry.totalRunCount,
    args: toJson(args),
    kwargs: toJson(kwargs),
    queue: typeof options.queue === 'string' ? options.queue : null,
  }
}

/** The dead letters page. */
export async function buildLetters(fleet: Fleet, request: LettersRequest): Promise<LettersPage> {
  const { after, limit, reason, ...rest } = request
  // An unknown reason matches nothing.
  const filter = { ...rest, ...(reason === undefined ? {} : { reason: reason as DeadLetterReason }) }
  const [page, sample, queues] = await Promise.all([
    fleet.tried('broker', () =>
      fleet.app.deadLetters.list({ ...filter, limit, ...(after === undefined ? {} : { after }) }),
    ),
    fleet.tried('broker', () => fleet.app.deadLetters.list({ ...filter, limit: GROUPED })),
    fleet.tried('broker', () => fleet.app.deadLetters.queues()),
  ])
  return {
    request,
    items: page?.items.map(letterLine) ?? [],
    next: page?.next ?? null,
    groups: groupsOf(sample?.items ?? []),
    groupsOf: sample?.items.length ?? 0,
    byQueue: [...(queues ?? [])]
      .map(([queue, count]) => ({ queue, count }))
      .sort((one, other) => other.count - one.count),
  }
}

function groupsOf(letters: readonly DeadLetter[]): LettersPage['groups'] {
  const groups = new Map<
    string,
    { task: string | null; reason: string; errorType: string; count: number; newestMs: number }
  >()
  for (const { task, reason, error, failedMs } of letters) {
    const key = JSON.stringify([task, reason, error.type])
    const group = groups.get(key) ?? { task, reason, errorType: error.type, count: 0, newestMs: 0 }
    group.count++
    group.newestMs = Math.max(group.newestMs, failedMs)
    groups.set(key, group)
  }
  return [...groups.values()].sort((one, other) => other.count - one.count)
}

function letterLine(letter: DeadLetter): LetterLine {
  const { id, taskId, task, queue, reason, error, retries, worker, failedMs } = letter
  return {
    id,
    taskId,
    task,
    queue,
    reason,
    errorType: error.type,
    errorMessage: error.message,
    retries,
    worker,
    failedMs,
  }
}

/** The page of a dead letter; undefined when it does not exist, or the broker is unreachable. */
export async function buildLetter(fleet: Fleet, id: string): Promise<LetterPage | undefined> {
  const opened = await fleet.tried('broker', () => fleet.app.deadLetters.show(id))
  if (!opened) return undefined
  const call = fleet.app.deadLetters.shownCall(opened)
  return {
    line: letterLine(opened.letter),
    traceback: opened.letter.error.traceback,
    attempts: opened.attempts.map(({ type, message, traceback, atMs }) => ({
      atMs: atMs ?? null,
      type,
      message,
      traceback: traceback ?? null,
    })),
    redrives: opened.redrives,
    args: call ? toJson(call.args, 2) : null,
    kwargs: call ? toJson(call.kwargs, 2) : null,
    unreadable: opened.unreadable ?? null,
  }
}

/** The limits page. */
export async function buildLimits(fleet: Fleet): Promise<LimitsPage> {
  const { app } = fleet
  const [paused, breakers, rates] = await Promise.all([
    fleet.tried('broker', () => app.control.pausedQueues()),
    fleet.tried('broker', () => getOpenBreakers(app)),
    fleet.tried('broker', async () => (await connectionsOf(app).coordination()).list('rates')),
  ])
  return {
    paused: paused ?? [],
    rates: rates?.map(({ key, value }) => ({ task: key, rate: value })) ?? null,
    breakers: breakers ?? null,
    tasks: [...app.tasks].map(({ name, options }) => ({
      name,
      rateLimit:
        options.rateLimit === undefined || options.rateLimit === null ? null : String(options.rateLimit),
      concurrency: options.concurrencyLimit === undefined ? null : toJson(options.concurrencyLimit),
      timeLimit: options.timeLimit ?? null,
      softTimeLimit: options.softTimeLimit ?? null,
    })),
  }
}

/** The broker page. */
export async function buildBroker(fleet: Fleet, perSecond: number): Promise<BrokerPage> {
  const { app, store, intake } = fleet
  const [broker, results, size] = await Promise.all([
    fleet.tried('broker', async () => {
      const opened = await connectionsOf(app).broker()
      return {
        kind: opened.kind,
        location: opened.location,
        capabilities: opened.capabilities,
        advice: await opened.check(),
      }
    }),
    connectionsOf(app).hasResults
      ? fleet.tried('results', async () => {
          const { kind, location } = await connectionsOf(app).results()
          return { kind, location }
        })
      : undefined,
    fleet.tried('history', () => store.size()),
  ])
  return {
    kind: broker?.kind ?? null,
    location: broker?.location ?? null,
    capabilities: broker ? { ...broker.capabilities } : null,
    advice: broker?.advice ?? [],
    results: results ?? null,
    history: { location: store.location, tasks: size?.tasks ?? 0, oldestMs: size?.oldestMs ?? null },
    events: { ...intake.counts, perSecond },
  }
}

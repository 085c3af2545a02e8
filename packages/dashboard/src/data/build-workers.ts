import type { SeenWorker } from 'lovage'
import type { Fleet } from '../fleets/fleet.js'
import { QUESTIONS, type WorkerAnswers } from '../fleets/workers-asked.js'
import type { HeldTask, WorkerLine, WorkerPage, WorkersPage } from './workers-page.js'

/** The workers page. */
export async function buildWorkers(fleet: Fleet): Promise<WorkersPage> {
  await fleet.askSoon(['active_queues', 'stats'])
  return { items: fleet.workers().map((worker) => lineOf(fleet, worker)) }
}

/** The page of a worker; undefined when it is unknown. */
export async function buildWorker(fleet: Fleet, hostname: string): Promise<WorkerPage | undefined> {
  const worker = fleet.workers().find((one) => one.hostname === hostname)
  if (worker?.isAlive) await fleet.askSoon(QUESTIONS, hostname, 1_000)
  const answers = fleet.asked.known.get(hostname)
  if (!worker && !answers) return undefined
  return {
    line: lineOf(fleet, worker ?? unseen(hostname)),
    stats: answers?.stats ?? null,
    registered: listOf(answers?.registered)?.map(String) ?? null,
    activeQueues: answers?.active_queues ?? null,
    conf: answers?.conf ?? null,
    active: heldOf(answers?.active),
    reserved: heldOf(answers?.reserved),
    scheduled: heldOf(answers?.scheduled),
    revoked: listOf(answers?.revoked)?.map(String) ?? null,
  }
}

const unseen = (hostname: string): SeenWorker => ({
  hostname,
  isAlive: false,
  hasLeft: false,
  seenMs: 0,
  freq: 0,
  active: 0,
  processed: 0,
  loadavg: [],
  pid: undefined,
  software: '',
})

function lineOf(fleet: Fleet, worker: SeenWorker): WorkerLine {
  const { hostname, isAlive, hasLeft, software, pid, active, processed, loadavg, seenMs } = worker
  const answers = fleet.asked.known.get(hostname)
  const pool = poolOf(answers)
  return {
    hostname,
    state: isAlive ? 'alive' : hasLeft ? 'offline' : 'lost',
    software,
    pid: pid ?? null,
    active,
    processed,
    loadavg,
    seenMs,
    tellsOfTasks: fleet.intake.tellsOfTasks(hostname) ?? null,
    queues: listOf(answers?.active_queues)?.flatMap((queue) => nameIn(queue)) ?? null,
    ...pool,
  }
}

function poolOf(answers: WorkerAnswers | undefined): Pick<WorkerLine, 'pool' | 'concurrency'> {
  const pool = recordOf(answers?.stats?.pool)
  const implementation = pool?.implementation
  const concurrency = pool?.['max-concurrency']
  return {
    pool: typeof implementation === 'string' ? implementation : null,
    concurrency: typeof concurrency === 'number' ? concurrency : null,
  }
}

/** A worker's held tasks, as it reports them: active and reserved ones directly, scheduled ones wrapped with their times. */
function heldOf(tasks: readonly unknown[] | undefined): readonly HeldTask[] | null {
  return (
    listOf(tasks)?.flatMap((task) => {
      const outer = recordOf(task)
      const request = recordOf(outer?.request) ?? outer
      if (!request || typeof request.id !== 'string') return []
      const { time_start: started, delivery_info: delivery } = request
      const eta = outer?.eta
      const queue = recordOf(delivery)?.routing_key
      return [
        {
          id: request.id,
          name: String(request.name ?? request.type ?? ''),
          args: shown(request.args),
          kwargs: shown(request.kwargs),
          startedMs: typeof started === 'number' ? started * 1000 : null,
          dueMs: typeof eta === 'string' ? Date.parse(eta) || null : null,
          queue: typeof queue === 'string' ? queue : null,
        },
      ]
    }) ?? null
  )
}

const LONGEST = 1024
function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : (JSON.stringify(value, (_key, inner: unknown) =>
          typeof inner === 'bigint' ? String(inner) : inner,
        ) ?? '')
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

const listOf = <T>(value: readonly T[] | undefined): readonly T[] | undefined =>
  Array.isArray(value) ? value : undefined
const recordOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
const nameIn = (queue: Readonly<Record<string, unknown>>): string[] =>
  typeof queue?.name === 'string' ? [queue.name] : []

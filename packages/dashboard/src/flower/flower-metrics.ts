import type { SeenWorker } from 'lovage'
import type { Observed } from '../ingest/gathering.js'

/** The bounds of Python's Prometheus client, used by Flower. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
/** The most combinations of worker and task; further ones are not counted separately. */
const MOST_SERIES = 10_000
const KINDS: ReadonlySet<string> = new Set(
  ['sent', 'received', 'started', 'succeeded', 'failed', 'rejected', 'revoked', 'retried'].map(
    (kind) => `task-${kind}`,
  ),
)

interface Series {
  readonly worker: string
  readonly task: string
  readonly events: Map<string, number>
  readonly buckets: number[]
  runs: number
  runtime: number
  waited: number | undefined
  prefetched: number
}

/** Flower's metrics, under its names, labels and buckets. Counting an event costs one map lookup: tens of thousands arrive per second. */
export class FlowerMetrics {
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, Map<string, Series>>()
  #size = 0
  #present: ReadonlySet<string> = new Set()

  constructor(bounds: readonly number[] = DEFAULT_BUCKETS) {
    this.#bounds = bounds
  }

  /** Counts an event of a task. */
  add({ worker, type, name, runtime, waited, prefetched }: Observed): void {
    const series = this.#find(worker, name)
    if (!series) return
    const kind = KINDS.has(type) ? type : 'task-custom'
    series.events.set(kind, (series.events.get(kind) ?? 0) + 1)
    series.prefetched += prefetched
    if (waited !== undefined) series.waited = waited
    else if ((type === 'task-succeeded' || type === 'task-failed') && series.waited !== undefined)
      series.waited = 0
    if (runtime === undefined || runtime < 0) return
    series.runs++
    series.runtime += runtime
    const bucket = this.#bounds.findIndex((bound) => runtime <= bound)
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
  }

  /** Removes workers that were in the last scrape but are no longer known. Producers, which have no heartbeat, stay. */
  #forgetGone(workers: readonly SeenWorker[]): void {
    const present = new Set(workers.map(({ hostname }) => hostname))
    for (const worker of this.#present) {
      if (present.has(worker)) continue
      this.#size -= this.#series.get(worker)?.size ?? 0
      this.#series.delete(worker)
    }
    this.#present = present
  }

  /** All metrics in Prometheus text format. */
  text(workers: readonly SeenWorker[]): string {
    this.#forgetGone(workers)
    const lines: string[] = []
    const head = (name: string, help: string, type: string): void =>
      void lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    const all = [...this.#series.values()].flatMap((tasks) => [...tasks.values()])
    head('flower_events_total', 'Number of events', 'counter')
    for (const { worker, task, events } of all)
      for (const [type, count] of events)
        lines.push(`flower_events_total{${labels({ worker, type, task })}} ${count}`)
    head('flower_task_runtime_seconds', 'Task runtime', 'histogram')
    for (const series of all) lines.push(...this.#histogram(series))
    head(
      'flower_task_prefetch_time_seconds',
      'The time the task spent waiting at the celery worker to be executed.',
      'gauge',
    )
    for (const { worker, task, waited } of all)
      if (waited !== undefined)
        lines.push(`flower_task_prefetch_time_seconds{${labels({ worker, task })}} ${waited}`)
    head('flower_worker_prefetched_tasks', 'Number of tasks of given type prefetched at a worker', 'gauge')
    const isAlive = new Map(workers.map((worker) => [worker.hostname, worker.isAlive]))
    for (const { worker, task, prefetched, events } of all)
      if (events.has('task-received'))
        lines.push(
          `flower_worker_prefetched_tasks{${labels({ worker, task })}} ${isAlive.get(worker) === false ? 0 : Math.max(0, prefetched)}`,
        )
    head('flower_worker_online', 'Worker online status', 'gauge')
    for (const worker of workers)
      lines.push(`flower_worker_online{${labels({ worker: worker.hostname })}} ${worker.isAlive ? 1 : 0}`)
    head(
      'flower_worker_number_of_currently_executing_tasks',
      'Number of tasks currently executing at a worker',
      'gauge',
    )
    for (const worker of workers)
      lines.push(
        `flower_worker_number_of_currently_executing_tasks{${labels({ worker: worker.hostname })}} ${worker.isAlive ? worker.active : 0}`,
      )
    return `${lines.join('\n')}\n`
  }

  #histogram({ worker, task, buckets, runs, runtime }: Series): string[] {
    if (runs === 0) return []
    const name = 'flower_task_runtime_seconds'
    let below = 0
    const lines = this.#bounds.map((bound, place) => {
      below += buckets[place] ?? 0
      const le = Number.isInteger(bound) ? `${bound}.0` : String(bound)
      return `${name}_bucket{${labels({ le, task, worker })}} ${below}`
    })
    const pair = labels({ task, worker })
    return [
      ...lines,
      `${name}_bucket{${labels({ le: '+Inf', task, worker })}} ${runs}`,
      `${name}_count{${pair}} ${runs}`,
      `${name}_sum{${pair}} ${runtime}`,
    ]
  }

  #find(worker: string, task: string): Series | undefined {
    let tasks = this.#series.get(worker)
    const known = tasks?.get(task)
    if (known) return known
    if (this.#size >= MOST_SERIES) return undefined
    if (!tasks) {
      tasks = new Map()
      this.#series.set(worker, tasks)
    }
    const series = {
      worker,
      task,
      events: new Map(),
      buckets: [],
      runs: 0,
      runtime: 0,
      waited: undefined,
      prefetched: 0,
    }
    tasks.set(task, series)
    this.#size++
    return series
  }
}

const labels = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(
      ([name, value]) =>
        `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',')

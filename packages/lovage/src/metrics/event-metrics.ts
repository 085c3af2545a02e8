import { Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client'

import { ClusterState, type SeenTask, secondsOf } from '../cluster/index.js'
import type { Event } from '../events/index.js'
import { parseTime } from '../message/index.js'

import { boundedLabel } from './bounded-labels.js'

/** The options of event metrics. */
export interface EventMetricsOptions {
  /** Upper bounds of the histograms, in seconds. Default: those of Python's client. */
  readonly buckets?: readonly number[]
  /** The same for the time that tasks wait in queues. Default: celery-exporter's. */
  readonly queueWaitBuckets?: readonly number[]
  /** The prefix of celery-exporter's metric names. Default `celery_`. */
  readonly prefix?: string
  /** Seconds after which the series of a worker that is gone are removed. Default 600. */
  readonly forgetWorkersAfter?: number
}

/** The bounds of Python's Prometheus client, as in celery-exporter and Flower. */
const PYTHON_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** celery-exporter's bounds for the time in queues: from an empty queue to one half an hour behind. */
const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]
/** The task events that are counted, and the names of their counters. */
const COUNTED: Readonly<Record<string, string>> = {
  'task-sent': 'Sent when a task message is published.',
  'task-received': 'Sent when the worker receives a task.',
  'task-started': 'Sent just before the worker executes the task.',
  'task-succeeded': 'Sent if the task executed successfully.',
  'task-failed': 'Sent if the execution of the task failed.',
  'task-rejected': 'Sent if the worker rejected the task.',
  'task-revoked': 'Sent if the task has been revoked.',
  'task-retried': 'Sent if the task failed, but will be retried.',
}
const MOST_EXCEPTIONS = 200
/** The most label combinations; those beyond are counted together. */
const MOST_SERIES = 10_000

/** A task's run, for other observers. */
export interface ObservedRun {
  readonly task: string
  readonly queue: string
  readonly seconds: number
}

/**
 * Metrics from events, under the names, labels and buckets of celery-exporter and of Flower, so that their dashboards work unchanged. A
 * worker's gauges drop to 0 when it has been silent for two heartbeats; unknown names cannot make the metrics grow.
 */
export class EventMetrics {
  readonly registry = new Registry()
  /** Called for each run that succeeded. */
  onRun: ((run: ObservedRun) => void) | undefined
  readonly #state: ClusterState
  readonly #counters = new Map<string, Counter>()
  readonly #up: Gauge
  readonly #active: Gauge
  readonly #runtime: Histogram
  readonly #queueWait: Histogram
  readonly #flowerEvents: Counter
  readonly #flowerRuntime: Histogram
  readonly #flowerPrefetchTime: Gauge
  readonly #flowerPrefetched: Gauge
  readonly #flowerOnline: Gauge
  readonly #flowerExecuting: Gauge
  readonly #nameOf = boundedLabel()
  readonly #workerOf = boundedLabel()
  readonly #queueOf = boundedLabel()
  readonly #exceptionOf = boundedLabel(MOST_EXCEPTIONS)
  /** Counted label combinations, as JSON: celery-exporter's, and Flower's of worker and task. */
  readonly #shown = new Set<string>()
  readonly #pairs = new Set<string>()
  /** Ids of prefetched tasks, by worker and task. */
  readonly #prefetched = new Map<string, Map<string, Set<string>>>()
  readonly #known = new Set<string>()
  #queuesOfWorker: ReadonlyMap<string, readonly string[]> = new Map()

  constructor({
    buckets = PYTHON_BUCKETS,
    queueWaitBuckets = WAIT_BUCKETS,
    prefix = 'celery_',
    forgetWorkersAfter = 600,
  }: EventMetricsOptions = {}) {
    const registers = [this.registry]
    this.#state = new ClusterState({ forgetWorkersAfter })
    const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
      new Gauge({ name, help, labelNames, registers })
    for (const [type, help] of Object.entries(COUNTED)) {
      const labelNames = ['name', 'hostname', ...(type === 'task-failed' ? ['exception'] : []), 'queue_name']
      const name = `${prefix}${type.replace('-', '_')}_total`
      this.#counters.set(type, new Counter({ name, help, labelNames, registers }))
    }
    this.#up = gauge(`${prefix}worker_up`, 'Indicates if a worker has recently sent a heartbeat.', [
      'hostname',
    ])
    this.#active = gauge(`${prefix}worker_tasks_active`, 'The number of tasks the worker is processing.', [
      'hostname',
    ])
    const runtime = { buckets: [...buckets], registers }
    this.#runtime = new Histogram({
      ...runtime,
      name: `${prefix}task_runtime`,
      help: 'Histogram of task runtime measurements.',
      labelNames: ['name', 'hostname', 'queue_name'],
    })
    this.#queueWait = new Histogram({
      registers,
      name: `${prefix}task_queue_wait_time`,
      help: 'Histogram of the seconds that tasks waited in their queue before they ran, without the delay that an ETA asked for.',
      labelNames: ['name', 'hostname', 'queue_name'],
      buckets: [...queueWaitBuckets],
    })
    this.#flowerEvents = new Counter({
      name: 'flower_events_total',
      help: 'Number of events',
      labelNames: ['worker', 'type', 'task'],
      registers,
    })
    this.#flowerRuntime = new Histogram({
      ...runtime,
      name: 'flower_task_runtime_seconds',
      help: 'Task runtime',
      labelNames: ['worker', 'task'],
    })
    this.#flowerPrefetchTime = gauge(
      'flower_task_prefetch_time_seconds',
      'The time the task spent waiting at the celery worker to be executed.',
      ['worker', 'task'],
    )
    this.#flowerPrefetched = gauge(
      'flower_worker_prefetched_tasks',
      'Number of tasks of given type prefetched at a worker',
      ['worker', 'task'],
    )
    this.#flowerOnline = gauge('flower_worker_online', 'Worker online status', ['worker'])
    this.#flowerExecuting = gauge(
      'flower_worker_number_of_currently_executing_tasks',
      'Number of tasks currently executing at a worker',
      ['worker'],
    )
  }

  /** Workers' queues, as last reported: no event of Python's workers contains a task's queue. */
  set queuesOfWorker(queues: ReadonlyMap<string, readonly string[]>) {
    this.#queuesOfWorker = queues
  }

  /** Processes an event. */
  add(event: Event, nowMs: number): void {
    if (!this.#state.add(event, nowMs)) return
    if (event.type.startsWith('task-')) this.#task(event)
  }

  /** Updates the workers' gauges to the current state. */
  refresh(nowMs: number): void {
    const workers = this.#state.workers(nowMs)
    const hosts = new Map<string, { up: boolean; active: number }>()
    for (const { hostname, isAlive, active } of workers) {
      const host = hosts.get(hostOf(hostname)) ?? { up: false, active: 0 }
      hosts.set(hostOf(hostname), { up: host.up || isAlive, active: host.active + (isAlive ? active : 0) })
      const worker = this.#workerOf(hostname)
      this.#known.add(hostname)
      this.#flowerOnline.set({ worker }, isAlive ? 1 : 0)
      this.#flowerExecuting.set({ worker }, isAlive ? active : 0)
      if (!isAlive) this.#prefetched.delete(worker)
    }
    for (const [host, { up, active }] of hosts) {
      const hostname = this.#workerOf(host)
      this.#up.set({ hostname }, up ? 1 : 0)
      this.#active.set({ hostname }, active)
    }
    this.#flowerPrefetched.reset()
    for (const [worker, tasks] of this.#prefetched)
      for (const [task, ids] of tasks) this.#flowerPrefetched.set({ worker, task }, ids.size)
    const present = new Set(workers.map(({ hostname }) => hostname))
    const presentHosts = new Set([...present].map(hostOf))
    for (const gone of [...this.#known].filter((name) => !present.has(name)))
      this.#forget(gone, presentHosts.has(hostOf(gone)) ? undefined : hostOf(gone))
  }

  #task(event: Event): void {
    const task = this.#state.task(String(event.uuid))
    if (!task) return
    const { type, hostname } = event
    const name = this.#nameOf(task.name ?? 'unknown')
    const queue = this.#queueOf(task.queue ?? this.#onlyQueueOf(hostname) ?? 'celery')
    const labels = this.#labelsOf({ name, hostname: this.#workerOf(hostOf(hostname)), queue_name: queue })
    const exception = type === 'task-failed' ? this.#exceptionOf(exceptionOf(task)) : ''
    this.#counters.get(type)?.inc(type === 'task-failed' ? { ...labels, exception } : { ...labels })
    // There are many producers, and they send no other events.
    if (type !== 'task-sent') this.#show(labels)
    const pair = this.#pairOf({ worker: this.#workerOf(hostname), task: name })
    if (type !== 'task-sent') this.#known.add(hostname)
    this.#flowerEvents.inc({ ...pair, type: COUNTED[type] ? type : 'task-custom' })
    if (type === 'task-started') this.#waited(labels, task)
    const runtime = secondsOf(event.runtime)
    if (runtime !== undefined) {
      this.#flowerRuntime.observe(pair, runtime)
      if (type === 'task-succeeded') {
        this.#runtime.observe({ ...labels }, runtime)
        this.onRun?.({ task: name, queue, seconds: runtime })
      }
    }
    if (type !== 'task-sent') this.#prefetch(event, pair, task)
  }

  /** Only where producers send events: otherwise the start of the wait is unknown. */
  #waited(labels: ExporterLabels, { times, eta }: SeenTask): void {
    const { sent, started } = times
    if (sent === undefined || started === undefined) return
    const dueMs = eta === undefined ? undefined : parseTime(eta)
    // The clocks of two machines may differ.
    const seconds = secondsOf(Math.max(0, started - Math.max(sent, dueMs ?? 0)) / 1000)
    if (seconds !== undefined) this.#queueWait.observe({ ...labels }, seconds)
  }

  #labelsOf(labels: ExporterLabels): ExporterLabels {
    const combination = JSON.stringify(labels)
    if (this.#shown.has(combination) || this.#shown.size < MOST_SERIES) return labels
    return { name: 'other', hostname: 'other', queue_name: 'other' }
  }
  #pairOf(pair: FlowerLabels): FlowerLabels {
    const combination = JSON.stringify(pair)
    if (!this.#pairs.has(combination) && this.#pairs.size >= MOST_SERIES)
      return { worker: 'other', task: 'other' }
    this.#pairs.add(combination)
    return pair
  }

  /** A rate needs a sample before the first event. */
  #show(labels: ExporterLabels): void {
    const combination = JSON.stringify(labels)
    if (this.#shown.has(combination)) return
    this.#shown.add(combination)
    for (const [type, counter] of this.#counters)
      counter.inc(type === 'task-failed' ? { ...labels, exception: '' } : { ...labels }, 0)
  }

  #prefetch({ type, uuid }: Event, pair: FlowerLabels, { eta, times }: SeenTask): void {
    const { worker, task } = pair
    const id = String(uuid)
    const { received, started } = times
    if (type === 'task-received') {
      if (eta !== undefined) return
      const tasks = this.#prefetched.get(worker) ?? new Map<string, Set<string>>()
      const ids = tasks.get(task) ?? new Set<string>()
      this.#prefetched.set(worker, tasks.set(task, ids))
      if (ids.size < MOST_SERIES) ids.add(id)
      return
    }
    this.#prefetched.get(worker)?.get(task)?.delete(id)
    if (eta !== undefined || received === undefined || started === undefined) return
    if (type === 'task-started') this.#flowerPrefetchTime.set(pair, Math.max(0, (started - received) / 1000))
    else if (type === 'task-succeeded' || type === 'task-failed') this.#flowerPrefetchTime.set(pair, 0)
  }

  #onlyQueueOf(worker: string): string | undefined {
    const queues = this.#queuesOfWorker.get(worker)
    return queues?.length === 1 ? queues[0] : undefined
  }

  /** Removes the series of a worker that is gone for good; a host's stay while another worker is there. */
  #forget(worker: string, host: string | undefined): void {
    this.#known.delete(worker)
    this.#prefetched.delete(worker)
    const flower = [
      this.#flowerEvents,
      this.#flowerRuntime,
      this.#flowerPrefetchTime,
      this.#flowerOnline,
      this.#flowerExecuting,
    ]
    for (const metric of flower) removeSeries(metric, 'worker', worker)
    for (const pair of this.#pairs)
      if ((JSON.parse(pair) as FlowerLabels).worker === worker) this.#pairs.delete(pair)
    if (host === undefined) return
    for (const metric of [this.#up, this.#active, this.#runtime, this.#queueWait, ...this.#counters.values()])
      removeSeries(metric, 'hostname', host)
    for (const shown of this.#shown)
      if ((JSON.parse(shown) as ExporterLabels).hostname === host) this.#shown.delete(shown)
  }
}

interface ExporterLabels extends Record<string, string> {
  readonly name: string
  readonly hostname: string
  readonly queue_name: string
}
interface FlowerLabels extends Record<string, string> {
  readonly worker: string
  readonly task: string
}

/** Removes every series of a metric with a label value. */
function removeSeries(metric: Metric, label: string, value: string): void {
  // The library lists series only through its own map; its entries hold their labels.
  const { hashMap } = metric as unknown as {
    readonly hashMap: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
  }
  for (const { labels } of Object.values(hashMap)) if (labels[label] === value) metric.remove({ ...labels })
}

/** celery-exporter's `hostname`: the part after the node's name. */
const hostOf = (node: string): string => node.slice(node.indexOf('@') + 1)

/** The class in `ValueError('x')`. Some of Python's pools only report a wrapper: the class is then in the traceback. */
function exceptionOf({ exception, traceback }: Pick<SeenTask, 'exception' | 'traceback'>): string {
  const name = /^(\w+)\(/.exec(exception ?? '')?.[1] ?? 'UnknownException'
  if (name !== 'ExceptionWithTraceback') return name
  const last = traceback?.trimEnd().split('\n').at(-1) ?? ''
  return /^(?:\w+\.)*(\w+)(?::|$)/.exec(last)?.[1] ?? name
}

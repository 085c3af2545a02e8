import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { AppCore } from '../app/core/index.js'
import { openBreakers, queueReport } from '../app/fleet/index.js'
import type { Unsubscribe } from '../kernel/index.js'
import { withoutRepetition } from '../process/index.js'
import type { RunningWorker } from '../worker/index.js'
import { TaskTallies } from './task-tallies.js'

/** Names beyond this many share one label: untrusted input must not grow a metric. */
const MOST_NAMES = 1000
const STATUS: Readonly<Record<string, string>> = {
  SUCCESS: 'success',
  FAILURE: 'failure',
  RETRY: 'retry',
  REJECTED: 'rejected',
  IGNORED: 'ignored',
  REVOKED: 'revoked',
}

/** A worker's metrics, in Prometheus text format. */
export interface WorkerMetrics {
  readonly contentType: string
  /** The current text; without an answer from the broker, its gauges are omitted. */
  text(): Promise<string>
  /** Stops measuring. */
  stop(): void
}

/** Measures a worker by listening to its app's signals. */
export function measureWorker(app: AppCore, worker: RunningWorker): WorkerMetrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
  const tallies = new TaskTallies()
  const active = new Gauge({
    name: 'celery_active_tasks',
    help: 'Tasks running in this worker now.',
    labelNames: ['queue_name'],
    registers,
    collect() {
      this.reset()
      for (const queue of worker.queues) this.set({ queue_name: queue }, 0)
      for (const { delivery } of worker.active) this.inc({ queue_name: delivery.queue })
    },
  })
  const lengths = new Gauge({
    name: 'celery_queue_length',
    help: 'Messages waiting in a queue that this worker consumes.',
    labelNames: ['queue_name'],
    registers,
  })
  const delayed = new Gauge({
    name: 'celery_queue_delayed',
    help: 'Delayed messages of a queue that are not due yet.',
    labelNames: ['queue_name'],
    registers,
  })
  const dead = new Gauge({
    name: 'celery_dead_letter_queue_size',
    help: 'Dead letters that came from a queue.',
    labelNames: ['queue_name'],
    registers,
  })
  const up = new Gauge({
    name: 'celery_broker_up',
    help: 'Whether the broker answered this scrape.',
    registers,
  })
  const breakers = new Gauge({
    name: 'celery_circuit_breaker_state',
    help: 'Circuit breakers of tasks: 0 closed, 1 half-open, 2 open; the worst of a task’s keys.',
    labelNames: ['task_name'],
    registers,
  })

  const nameOf = boundedNames(app)
  const unsubscribes: readonly Unsubscribe[] = [
    app.signals.on('taskPostrun', ({ context, state, runtimeMs }) => {
      const name = nameOf(context.name)
      tallies.ended(name, STATUS[state] ?? 'other')
      tallies.took(name, runtimeMs / 1000)
    }),
    app.signals.on('taskRetry', ({ context }) => tallies.retried(nameOf(context.name))),
    app.signals.on('taskRevoked', ({ headers, terminated }) => {
      if (!terminated) tallies.ended(nameOf(headers.task), 'revoked')
    }),
  ]

  // While a server is unreachable, every scrape would log it again.
  const sayOnce = (what: string) =>
    withoutRepetition((error) => app.logger.warn({ err: error }, what), app.clock)
  const queuesUnread = sayOnce('could not read the lengths of queues from the broker')
  const sourcesUnread = sayOnce('could not collect the app’s own metrics')
  const breakersUnread = sayOnce('could not read the open circuit breakers from the coordination store')

  async function readQueues(): Promise<void> {
    const gauges = [lengths, delayed, dead]
    try {
      const reports = await queueReport(app, worker.queues)
      up.set(1)
      for (const gauge of gauges) gauge.reset()
      for (const { name, ...report } of reports) {
        lengths.set({ queue_name: name }, report.ready)
        if (report.delayed !== undefined) delayed.set({ queue_name: name }, report.delayed)
        dead.set({ queue_name: name }, report.dead)
      }
    } catch (error) {
      // An old number would look like a new one.
      for (const gauge of gauges) gauge.reset()
      up.set(0)
      queuesUnread(error)
    }
  }

  async function readBreakers(): Promise<void> {
    const guarded = [...app.tasks].filter(({ options }) => options.circuitBreaker)
    if (guarded.length === 0) return
    breakers.reset()
    try {
      const open = await openBreakers(app)
      for (const { name } of guarded) {
        const states = open.flatMap(({ task, state }) => (task === name ? [state] : []))
        const worst = states.includes('open') ? 2 : states.length > 0 ? 1 : 0
        breakers.set({ task_name: nameOf(name) }, worst)
      }
    } catch (error) {
      breakersUnread(error)
    }
  }

  async function ownText(): Promise<string> {
    const texts = app.metricSources.map(async (source) => {
      try {
        return `${(await source()).trimEnd()}\n`
      } catch (error) {
        sourcesUnread(error)
        return ''
      }
    })
    return (await Promise.all(texts)).join('')
  }

  return {
    contentType: registry.contentType,
    async text() {
      const [own] = await Promise.all([ownText(), readQueues(), readBreakers()])
      return tallies.text() + (await registry.metrics()) + own
    },
    stop() {
      for (const unsubscribe of unsubscribes) unsubscribe()
      active.reset()
    },
  }
}

/** The label of a task: its name when it is registered here and among the first thousand. */
function boundedNames(app: AppCore): (name: string) => string {
  const seen = new Set<string>()
  return (name) => {
    if (seen.has(name)) return name
    if (!app.tasks.has(name)) return 'unregistered'
    if (seen.size >= MOST_NAMES) return 'other'
    seen.add(name)
    return name
  }
}

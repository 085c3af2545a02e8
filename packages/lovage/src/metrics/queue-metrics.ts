import { Gauge, type Registry } from 'prom-client'
import type { AppCore } from '../app/core/index.js'
import { knownQueues } from '../app/fleet/index.js'
import { Inspect } from '../app/operating/index.js'

/** An exporter's gauges that are polled, not built from events. */
export interface QueueMetrics {
  /** Polls broker and workers; returns the queues of each worker. */
  refresh(): Promise<ReadonlyMap<string, readonly string[]>>
}

/** Queues' lengths and consumers, under celery-exporter's names. */
export function measureQueues(app: AppCore, registry: Registry, prefix = 'celery_'): QueueMetrics {
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: prefix + name, help, labelNames: ['queue_name'], registers: [registry] })
  const length = gauge('queue_length', 'The number of messages in the broker queue.')
  const due = gauge('queue_due', 'Delayed messages that are due, and that a worker is about to take.')
  const held = gauge('queue_unacked', 'Messages that workers have claimed and not settled.')
  const consumers = gauge('active_consumer_count', 'The number of active consumers in the broker queue.')
  const workers = gauge('active_worker_count', 'The number of active workers in the broker queue.')
  const processes = gauge('active_process_count', 'The number of active processes in the broker queue.')
  const up = new Gauge({
    name: `${prefix}broker_up`,
    help: 'Whether the broker answered this scrape.',
    registers: [registry],
  })
  return {
    async refresh() {
      // Reset first: without an answer, an old number would look like a new one.
      for (const one of [length, due, held, consumers, workers, processes]) one.reset()
      up.set(0)
      const inspect = new Inspect(app, { timeout: 1 })
      const [names, consumed, stats] = await Promise.all([
        knownQueues(app),
        inspect.activeQueues(),
        inspect.stats(),
      ])
      const queuesOf = new Map(
        Object.entries(consumed).map(([worker, queues]) => [
          worker,
          Array.isArray(queues) ? queues.map(({ name }) => String(name)) : [],
        ]),
      )
      const known = new Set([...names, ...[...queuesOf.values()].flat()])
      const broker = await app.broker()
      const depths = await broker.depths([...known], { unacked: true, dueByMs: app.clock.now() })
      for (const queue of known) {
        const labels = { queue_name: queue }
        const here = [...queuesOf].flatMap(([worker, queues]) => (queues.includes(queue) ? [worker] : []))
        const depth = depths.get(queue)
        length.set(labels, depth?.ready ?? 0)
        // Absent, not 0, where the broker cannot count them.
        if (depth?.due !== undefined) due.set(labels, depth.due)
        if (depth?.unacked !== undefined) held.set(labels, depth.unacked)
        consumers.set(labels, here.length)
        workers.set(labels, here.length)
        processes.set(
          labels,
          here.reduce((sum, worker) => sum + processesOf(stats[worker]), 0),
        )
      }
      up.set(1)
      return queuesOf
    },
  }
}

function processesOf(stats: Readonly<Record<string, unknown>> | undefined): number {
  // An untrusted answer: a node in another language, or an error.
  const { processes } = (stats?.pool ?? {}) as { readonly processes?: unknown }
  return Array.isArray(processes) ? processes.length : 0
}

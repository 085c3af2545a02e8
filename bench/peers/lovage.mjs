import { Lovage, startWorker, tracing } from '../../packages/lovage/dist/index.js'

export const name = 'Lovage'
export const concurrency = 100

/** `url` is the broker; results go beside it when `results` is true. */
export async function open({ url, results }) {
  const isTraced = process.env.BENCH_OBSERVE === 'traces'
  if (isTraced) (await import('../traces.mjs')).setUpTraces()
  const app = new Lovage('bench', {
    taskDefaultQueue: 'bench',
    broker: url,
    backend: results ? url : 'disabled://',
    // On PostgreSQL every peer is in its batched mode: 500 tasks at hand, as graphile-worker's local queue.
    ...(url.startsWith('postgresql:') ? { workerPrefetchMultiplier: 5 } : {}),
    // As the bare program on RabbitMQ: 200.
    ...(url.startsWith('amqp:') ? { workerPrefetchMultiplier: 2 } : {}),
    workerSendTaskEvents: process.env.BENCH_EVENTS === '1',
    ...(process.env.BENCH_METRICS_PORT ? { workerMetricsPort: Number(process.env.BENCH_METRICS_PORT) } : {}),
    ...(isTraced ? { middleware: [tracing()] } : {}),
    env: {},
  })
  let onRun = () => {}
  const noop = app.task({
    name: 'bench.noop',
    ignoreResult: !results,
    run: (_ctx, x, y) => {
      onRun()
      return x + y
    },
  })
  let worker
  return {
    async publish(count) {
      const calls = []
      for (let i = 0; i < count; i++) calls.push(noop.delay(1, 2))
      await Promise.all(calls)
    },
    one: () => noop.delay(1, 2),
    async work(on) {
      onRun = on
      worker = await startWorker(app, { concurrency })
    },
    async close() {
      await worker?.stop()
      await app.close()
    },
  }
}

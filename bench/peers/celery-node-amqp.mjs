import celery from 'celery-node'
import { rabbitDepth } from '../rabbit-depth.mjs'

export const name = 'celery-node'
/** It has none: RabbitMQ sends it all that there is. It acknowledges before it runs, so that a crash loses what it held. */
export const concurrency = 'unbounded'
/** It stores every result. */
export const alwaysStoresResults = true
/** Each call takes 40 ms. */
export const most = 200

/** Results go to Redis: on RabbitMQ it makes a queue for each. */
export async function open({ url }) {
  const results = process.env.BENCH_REDIS
  const client = celery.createClient(url, results, 'bench')
  const task = client.createTask('bench.noop')
  const depth = await rabbitDepth(url)
  let worker
  return {
    async publish(count) {
      // Its calls tell nobody when the broker has them, so that the queue is asked.
      const before = await depth.ready()
      for (let i = 0; i < count; i++) task.applyAsync([1, 2])
      while ((await depth.ready()) < before + count) await new Promise((resolve) => setImmediate(resolve))
    },
    one: async () => task.applyAsync([1, 2]),
    async work(on) {
      worker = celery.createWorker(url, results, 'bench')
      worker.register('bench.noop', (x, y) => {
        on()
        return x + y
      })
      worker.start()
    },
    close: () => depth.close(),
  }
}

import celery from 'celery-node'
import { Redis } from 'ioredis'

export const name = 'celery-node'
/** It has none: it runs what it pops. It acknowledges by popping, so that a crash loses what it held. */
export const concurrency = 'unbounded'
/** It stores every result. */
export const alwaysStoresResults = true

export async function open({ url }) {
  const client = celery.createClient(url, url, 'bench')
  const task = client.createTask('bench.noop')
  const redis = new Redis(url)
  let worker
  return {
    async publish(count) {
      // Its calls tell nobody when the broker has them, so that the list is asked.
      const before = worker ? 0 : await redis.llen('bench')
      for (let i = 0; i < count; i++) task.applyAsync([1, 2])
      while ((await redis.llen('bench')) < before + count)
        await new Promise((resolve) => setImmediate(resolve))
    },
    one: async () => task.applyAsync([1, 2]),
    async work(on) {
      worker = celery.createWorker(url, url, 'bench')
      worker.register('bench.noop', (x, y) => {
        on()
        return x + y
      })
      worker.start()
    },
    async close() {},
  }
}

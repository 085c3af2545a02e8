import { createPostgresBackend, Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'

export const name = 'BullMQ'
export const concurrency = 100

/** On Redis, or on PostgreSQL by its own backend for it. */
export async function open({ url, results }) {
  const isPostgres = url.startsWith('postgres')
  const connection = isPostgres
    ? { connectionString: url, migrate: true }
    : new Redis(url, { maxRetriesPerRequest: null })
  const backend = isPostgres ? [createPostgresBackend] : []
  // Without results a finished job leaves nothing behind; with them its return value is kept, which is BullMQ's default.
  const options = results ? {} : { removeOnComplete: true }
  const queue = new Queue('bench', { connection, defaultJobOptions: options }, ...backend)
  await queue.waitUntilReady()
  let worker
  return {
    async publish(count) {
      await queue.addBulk(Array.from({ length: count }, () => ({ name: 'noop', data: [1, 2] })))
    },
    one: () => queue.add('noop', [1, 2]),
    async work(on) {
      worker = new Worker(
        'bench',
        async ({ data }) => {
          on()
          return data[0] + data[1]
        },
        { connection: isPostgres ? connection : connection.duplicate(), concurrency },
        ...backend,
      )
      await worker.waitUntilReady()
    },
    async close() {
      await worker?.close()
      await queue.close()
      if (!isPostgres) connection.disconnect()
    },
  }
}

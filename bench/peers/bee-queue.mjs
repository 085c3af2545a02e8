import BeeQueue from 'bee-queue'

export const name = 'bee-queue'
export const concurrency = 100

export async function open({ url, results }) {
  const redis = { url }
  const settings = {
    redis,
    storeJobs: false,
    getEvents: false,
    sendEvents: results,
    removeOnSuccess: !results,
  }
  const producer = new BeeQueue('bench', { ...settings, isWorker: false })
  await producer.ready()
  let worker
  return {
    async publish(count) {
      const errors = await producer.saveAll(
        Array.from({ length: count }, () => producer.createJob({ x: 1, y: 2 })),
      )
      if (errors.size > 0) throw new Error(`${errors.size} jobs were not saved`)
    },
    one: () => producer.createJob({ x: 1, y: 2 }).save(),
    async work(on) {
      worker = new BeeQueue('bench', settings)
      await worker.ready()
      worker.process(concurrency, async ({ data }) => {
        on()
        return data.x + data.y
      })
    },
    async close() {
      await worker?.close(1000)
      await producer.close(1000)
    },
  }
}

import { PgBoss } from 'pg-boss'

export const name = 'pg-boss'

/**
 * In its batched mode: fetched and completed 500 at a time, twice at once. Its own `work` waits half a second at least
 * between two batches.
 */
export async function open({ url, results }) {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: 25 })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('bench')
  const data = { x: 1, y: 2 }
  let isOpen = true
  const loop = async (on) => {
    while (isOpen) {
      const jobs = await boss.fetch('bench', { batchSize: 500 })
      if (jobs.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        continue
      }
      for (const _ of jobs) on()
      await boss.complete(
        'bench',
        jobs.map(({ id }) => id),
        results ? { value: 3 } : undefined,
      )
    }
  }
  return {
    async publish(count) {
      await boss.insert(
        'bench',
        Array.from({ length: count }, () => ({ data })),
      )
    },
    one: () => boss.send('bench', data),
    async work(on) {
      for (let loops = 0; loops < 2; loops++)
        loop(on).catch((error) => {
          if (isOpen) throw error
        })
    },
    async close() {
      isOpen = false
      await boss.stop({ graceful: false })
    },
  }
}

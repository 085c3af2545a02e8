import { Logger, makeWorkerUtils, run } from 'graphile-worker'

export const name = 'graphile-worker'
export const concurrency = 100

const logger = new Logger(() => () => {})

/** In its batched mode: jobs are fetched 500 at a time and completed in batches. It keeps no results. */
export async function open({ url }) {
  const utils = await makeWorkerUtils({ connectionString: url, logger })
  await utils.migrate()
  const job = { identifier: 'noop', payload: { x: 1, y: 2 } }
  let runner
  return {
    async publish(count) {
      await utils.addJobs(Array.from({ length: count }, () => job))
    },
    one: () => utils.addJob('noop', job.payload),
    async work(on) {
      runner = await run({
        connectionString: url,
        logger,
        noHandleSignals: true,
        taskList: {
          noop: async ({ x, y }) => {
            on()
            return x + y
          },
        },
        preset: {
          worker: {
            concurrentJobs: concurrency,
            maxPoolSize: 25,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      })
    },
    async close() {
      await runner?.stop()
      await utils.release()
    },
  }
}

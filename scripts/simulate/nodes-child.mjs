/** Many nodes in one process: `{ url, from, count, heartbeatS }` on its channel; each is a whole worker that only lacks tasks. */
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const started = []

/** How many start at once in this process: a process that starts many is busy for so long that its others look dead. */
const AT_ONCE = 1

/** Hundreds share two processors here: what is late is not lost. */
const PATIENT = { brokerConnectionTimeout: 60, redisSocketTimeout: 60 }

async function start({ url, from, count }) {
  let next = from
  const lane = async () => {
    while (next < from + count) {
      const number = next++
      const app = new Lovage('nodes', { broker: url, backend: 'disabled://', env: {}, ...PATIENT })
      app.task({ name: 'nodes.nothing', run: () => null })
      const worker = await startWorker(app, { concurrency: 2, hostname: `node${number}@simulated` })
      started.push({ app, worker })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

async function stop() {
  await Promise.all(
    started.map(async ({ app, worker }) => {
      await worker.stop()
      await app.close()
    }),
  )
}

process.on('message', async (message) => {
  try {
    if (message.kind === 'start') await start(message)
    if (message.kind === 'cpu') {
      const { user, system } = process.cpuUsage()
      return process.send({ kind: 'cpu', seconds: (user + system) / 1e6, bytes: process.memoryUsage.rss() })
    }
    if (message.kind === 'stop') {
      await stop()
      process.disconnect()
      return
    }
    process.send({ kind: 'done' })
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
})

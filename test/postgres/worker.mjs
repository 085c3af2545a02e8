// A worker that blocks its event loop: WORKER_URL is the broker, BLOCK_MS how long, LEASE its lease in seconds.
import pg from 'pg'
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { WORKER_URL: broker, BLOCK_MS, LEASE } = process.env
const client = new pg.Client(broker)
await client.connect()
const app = new Lovage('blocked', { broker, backend: broker, brokerLease: Number(LEASE), env: {} })
app.task({
  name: 'test.task',
  run: async () => {
    await client.query('INSERT INTO runs (n) VALUES (1)')
    const endMs = Date.now() + Number(BLOCK_MS)
    while (Date.now() < endMs);
  },
})
const worker = await startWorker(app, { queues: ['q'], concurrency: 1 })
process.stdout.write('ready\n')
if (process.env.STOP) {
  await worker.stop()
  await client.end()
}

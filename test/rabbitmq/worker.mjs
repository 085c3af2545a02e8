// A worker that is there to be killed: WORKER_BROKER is the broker, WORKER_RUNS the file that notes each run; says `ready` when it consumes.
import { appendFileSync } from 'node:fs'
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { WORKER_BROKER: broker, WORKER_RUNS: runs } = process.env
const app = new Lovage('killed', {
  broker,
  backend: 'disabled://',
  deadLetterUrl: process.env.WORKER_LETTERS,
  brokerNativeDelayedDeliveryQueueType: 'classic',
  env: {},
})
app.task({
  name: 'test.work',
  maxRetries: 3,
  run: async (ctx, n) => {
    await new Promise((resolve) => setImmediate(resolve))
    if (n % 50 === 0 && ctx.retries === 0) throw ctx.retry({ countdown: 0.5 })
    appendFileSync(runs, `${n}\n`)
  },
})
app.task({
  name: 'test.poison',
  run: () => {
    appendFileSync(runs, 'poison\n')
    process.kill(process.pid, 'SIGKILL')
  },
})
await startWorker(app, { concurrency: 20 })
process.stdout.write('ready\n')

// A worker that is there to be killed: CRASH_BROKER is the broker and the results; says `ready` when it consumes.
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { CRASH_BROKER: broker } = process.env
const app = new Lovage('crash', { broker, backend: broker, brokerLease: 2, env: {} })
app.task({
  name: 'crash.work',
  maxRetries: 3,
  run: async (ctx, n) => {
    await new Promise((resolve) => setImmediate(resolve))
    // Every tenth goes on as a retry, so that there are continuations to lose.
    if (n % 10 === 0 && ctx.retries === 0) throw ctx.retry({ countdown: n % 20 === 0 ? 0.1 : 0 })
    return n * 2
  },
})
await startWorker(app, { concurrency: 20 })
process.stdout.write('ready\n')

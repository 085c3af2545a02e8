// A worker that is there to be killed. CHAOS_BROKER and CHAOS_BACKEND are its servers; a line `id attempt what` is appended to CHAOS_LEDGER
// for each body of a chord that runs.
import { appendFileSync } from 'node:fs'
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { CHAOS_BROKER: broker, CHAOS_BACKEND: backend, CHAOS_LEDGER: ledger } = process.env
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {}, child: () => quiet }
const app = new Lovage('chaos', { broker, backend, brokerLease: 3, env: {}, logger: quiet })
const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
app.task({
  name: 'chaos.work',
  deadLetter: 'failures',
  run: async (_ctx, n) => {
    await pause()
    return n * 2
  },
})
app.task({
  name: 'chaos.retry',
  maxRetries: 5,
  run: async (ctx, n) => {
    await pause()
    if (ctx.retries < 2) throw ctx.retry({ countdown: 0.2 })
    return n * 2
  },
})
app.task({
  name: 'chaos.body',
  run: async (ctx, values, chord) => {
    appendFileSync(ledger, `${chord} ${ctx.id}\n`)
    return values.reduce((sum, value) => sum + value, 0)
  },
})
await startWorker(app, { concurrency: 10 })
process.stdout.write('ready\n')

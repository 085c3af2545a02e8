// A worker for canvases, there to be killed: CRASH_BROKER is the broker and the results; says `ready` when it consumes.
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { CRASH_BROKER: broker } = process.env
const app = new Lovage('canvas', { broker, backend: broker, brokerLease: 1, env: {} })
app.task({ name: 'add', run: (_ctx, x, y) => x + y })
app.task({ name: 'total', run: (_ctx, values) => values.reduce((sum, value) => sum + value, 0) })
app.task({
  name: 'fail',
  run: () => {
    throw new RangeError('no')
  },
})
await startWorker(app, { concurrency: 10 })
process.stdout.write('ready\n')

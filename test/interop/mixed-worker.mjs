// A TypeScript worker on a queue that Python works on too, there to be killed. It notes what it has claimed before it runs anything.
import { appendFileSync } from 'node:fs'
import { Lovage, startWorker } from '../../packages/lovage/dist/index.js'

const { MIXED_BROKER: broker, MIXED_CLAIMS: claims } = process.env
const app = new Lovage('mixed', {
  broker,
  backend: broker,
  brokerLease: 2,
  brokerTransportOptions: { visibility_timeout: 4 },
  jsonTypes: 'plain',
  env: {},
})
app.signals.on('taskReceived', ({ headers }) => appendFileSync(claims, `${headers.id}\n`))
app.task({
  name: 'mixed.work',
  params: ['n'],
  run: async (_ctx, n) => {
    await new Promise((resolve) => setTimeout(resolve, 4))
    return ['ts', n * 2]
  },
})
await startWorker(app, { queues: ['mixed'], concurrency: 4 })
process.stdout.write('ready\n')

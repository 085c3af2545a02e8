// A member of a fleet that a test kills: `send URL` and `sync URL` call a unique task, `work URL` holds one, `break URL` tries an open breaker.
import { Lovage, startWorker } from 'lovage'

const [what, broker] = process.argv.slice(2)
const app = new Lovage('guards', { broker, env: {} })
const once = app.task({ name: 'once', unique: { for: 1 }, run: () => 'ran' })
app.task({
  name: 'hang',
  unique: { for: 6 },
  run: () => {
    process.send('running')
    return new Promise(() => {})
  },
})

app.task({
  name: 'brittle',
  circuitBreaker: { window: 4, minimum: 2, openFor: 1 },
  run: (_ctx, how) => {
    if (how === 'fail') throw new Error('down')
    process.send('trying')
    return new Promise(() => {})
  },
})

const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })

if (what === 'send') await once.delay()
else if (what === 'sync') await sync.delay()
else {
  await startWorker(app)
  process.send('ready')
}

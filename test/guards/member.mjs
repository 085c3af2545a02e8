// A member of a fleet that a test kills: `send URL` calls a unique task, `work URL` holds one.
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

if (what === 'send') await once.delay()
else {
  await startWorker(app)
  process.send('ready')
}

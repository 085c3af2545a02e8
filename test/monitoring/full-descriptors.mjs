// A worker that reports to a DogStatsD agent while its process has no file descriptor left. Its parent says what to do; it answers when
// that is done. Started with a low limit.
import { closeSync, openSync } from 'node:fs'
import { dogstatsd, Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'

const told = (...said) => process.send?.(['log', said.map(String).join(' ')])
const logger = {
  debug() {},
  info() {},
  warn: (_fields, text) => told(text),
  error: (_fields, text) => told(text),
  child: () => logger,
}
const app = new Lovage('full', { broker: 'memory://full', env: {}, logger })
app.steps.push(dogstatsd(app, { port: Number(process.argv[2]) }))
const work = app.task({ name: 'work', run: (_ctx, name) => name })
const worker = await startTestWorker(app)
const taken = []

process.on('message', async (what) => {
  if (what === 'exhaust')
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'))
    } catch (error) {
      if (error.code !== 'EMFILE') throw error
    }
  if (what === 'free') for (const fd of taken.splice(0)) closeSync(fd)
  if (what === 'run') await (await work.delay()).get({ timeout: 60 })
  if (what === 'stop') {
    await worker.stop()
    await app.close()
    return process.send?.(['done', what], () => process.exit(0))
  }
  process.send?.(['done', what])
})
// It must not outlive its test.
process.on('disconnect', () => process.exit(1))
process.send?.(['done', 'start'])

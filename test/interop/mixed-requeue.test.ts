import { createTestApp, startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'
import { pythonCelery, startRedis } from '../servers.js'

const TASKS = 300

/** Python hands back what it gets at first: kombu puts a message into its list, and acknowledges its tag then. */
const PYTHON = `
from celery.exceptions import Reject
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4)
rejected = 0

@app.task(name='mixed.either')
def either(n):
    global rejected
    if rejected < 200:
        rejected += 1
        raise Reject('for somebody else', requeue=True)
    return n * 2
`

test('what a Python worker hands back is done by whoever gets it next, and none of it is lost', {
  timeout: 90_000,
}, async () => {
  const redis = await startRedis()
  const app = createTestApp('mixed', { broker: redis.url, backend: redis.url, jsonTypes: 'plain' })
  const either = app.task({ name: 'mixed.either', queue: 'mixed', run: (_ctx, n: number) => n * 2 })
  const args = ['-P', 'solo', '-Q', 'mixed', '--without-gossip', '--without-mingle']
  const python = await pythonCelery({ broker: redis.url, backend: redis.url, source: PYTHON, args })
  const worker = await startTestWorker(app, { queues: ['mixed'] })
  try {
    const sent = await either.applyAsyncMany(
      Array.from({ length: TASKS }, (_, n) => ({ args: [n] as const })),
    )
    const values = await Promise.all(sent.map((result) => result.get({ timeout: 60 })))
    expect(values).toEqual(Array.from({ length: TASKS }, (_, n) => n * 2))
  } finally {
    await python.stop()
    await worker.stop()
    await app.close()
    await redis.stop()
  }
})

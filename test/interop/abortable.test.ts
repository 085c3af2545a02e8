import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { pythonCelery, runPython, startRedis } from '../servers.js'

test('tasks of both languages abort themselves when the other one asks', { timeout: 90_000 }, async () => {
  await using redis = await startRedis({})
  const url = `${redis.url}/0`
  await using _python = await pythonCelery({
    broker: url,
    backend: url,
    source: `
      import time
      from celery.contrib.abortable import AbortableTask
      @app.task(bind=True, base=AbortableTask, name='py.abortable')
      def abortable(self):
          self.update_state(state='PROGRESS')
          while not self.is_aborted():
              time.sleep(0.05)
          return 'python heard it'`,
  })
  await using app = new Lovage('abort', { broker: url, backend: url, env: {} })
  app.task({
    name: 'ts.abortable',
    abortable: true,
    queue: 'ts',
    run: async (ctx) => {
      await ctx.updateState('PROGRESS', null)
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
      return (await ctx.isAborted()) ? 'typescript heard it' : 'what?'
    },
  })
  await using _worker = await startTestWorker(app, { queues: ['ts'] })

  const theirs = await app.sendTask('py.abortable')
  await until(async () => (await theirs.state()) === 'PROGRESS', { timeoutMs: 30_000 })
  await theirs.abort()
  expect(await theirs.get({ timeout: 30 })).toBe('python heard it')

  const ours = await app.sendTask('ts.abortable', { queue: 'ts' })
  await until(async () => (await ours.state()) === 'PROGRESS', { timeoutMs: 30_000 })
  await runPython(
    `
from celery.contrib.abortable import AbortableAsyncResult
AbortableAsyncResult('${ours.id}', app=app).abort()`,
    { broker: url, backend: url },
  )
  expect(await ours.get({ timeout: 30 })).toBe('typescript heard it')
})

import { Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'

test('a traceback ends with the frames of the task', async () => {
  await using app = new Lovage('traces', { broker: `memory://${crypto.randomUUID()}`, env: {} })
  const price = (): never => {
    throw new TypeError('no price')
  }
  const sync = app.task({ name: 'sync', run: () => price() })
  const later = app.task({
    name: 'later',
    run: async () => {
      await Promise.resolve()
      return price()
    },
  })
  await using _worker = await startTestWorker(app)
  for (const task of [sync, later]) {
    const result = await task.delay()
    await expect(result.get({ timeout: 20 })).rejects.toThrow('no price')
    const frames = ((await result.traceback()) ?? '').split('\n').filter((line) => /^\s+at /.test(line))
    expect(frames.length).toBeGreaterThan(0)
    expect(frames.filter((frame) => !frame.includes('tracebacks.test.ts'))).toEqual([])
  }
})

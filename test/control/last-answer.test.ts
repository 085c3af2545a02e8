import { createTestApp } from 'lovage/testing'
import { describe, expect, test, vi } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { pythonCelery, startPostgres, startRabbit, startRedis } from '../servers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop')
app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })`

/** Each question would wait for a minute. */
const LONG = { timeout: 60 }

describe.each([
  { name: 'Redis', start: startRedis, hasPython: true },
  { name: 'PostgreSQL', start: startPostgres, hasPython: false },
  { name: 'RabbitMQ', start: startRabbit, hasPython: true },
])('on $name', ({ start, hasPython }) => {
  test('a question ends with the last answer, not with the clock, and waits for a node that is slow', async () => {
    await using server = await start()
    const url = typeof server.url === 'function' ? server.url() : server.url
    using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
    const startWorker = (name: string, queue: string) =>
      new Command(['-A', 'app', 'worker', '-n', name, '-Q', queue, '-l', 'info'], {
        cwd: shop.folder,
        env: { CELERY_BROKER_URL: url },
      })
    await using quick = startWorker('quick@box', 'celery,mail')
    await using slow = startWorker('slow@box', 'mail')
    const python = hasPython ? await pythonCelery({ broker: url }) : undefined
    const app = createTestApp('asking', { broker: url })
    try {
      await Promise.all([quick.says(/quick@box ready/), slow.says(/slow@box ready/)])
      const quickOnes = ['quick@box', ...(python ? [python.nodeName] : [])].sort()
      const all = [...quickOnes, 'slow@box'].sort()
      const { control } = app
      for (const ask of [() => control.inspect(LONG).active(), () => control.poolGrow(1, LONG)])
        expect(Object.keys(await ask())).toEqual(all)

      process.kill(slow.pid, 'SIGSTOP')
      const asked = control.ping(LONG)
      // This one takes its time, because one is silent.
      expect(Object.keys(await control.ping({ timeout: 3 }))).toEqual(quickOnes)
      process.kill(slow.pid, 'SIGCONT')
      expect(Object.keys(await asked)).toEqual(all)
    } finally {
      await app.close()
      await python?.stop()
    }
  })
})

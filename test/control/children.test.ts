import type { Event } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { pythonCelery } from '../servers.js'
import { FLEET_BROKERS } from './brokers.js'

const APP = `
import { writeFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('children', { taskDefaultQueue: 'ts' })
app.task({
  name: 'ts.hold',
  run: async (ctx) => {
    writeFileSync(new URL('./pid.txt', import.meta.url), String(process.pid))
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
  },
})`

describe.each(FLEET_BROKERS)('on $name', ({ start }) => {
  test('Python’s tools name the child that runs a task', { timeout: 240_000 }, async () => {
    const broker = await start()
    const project = makeProject({ 'package.json': '{"name":"children","type":"module"}', 'app.ts': APP })
    const python = await pythonCelery({ broker: broker.url, args: ['-P', 'solo', '-Q', 'elsewhere'] })
    try {
      await using worker = new Command(
        ['-A', 'app', 'worker', '-P', 'prefork', '-c', '2', '-n', 'ts@box', '-E'],
        {
          cwd: project.folder,
          env: { CELERY_BROKER_URL: broker.url, CELERY_RESULT_BACKEND: broker.backend },
        },
      )
      const ask = async (method: string, timeoutS = 20) => {
        const { stdout } = await python.command(
          'inspect',
          method,
          '--json',
          '-t',
          `${timeoutS}`,
          '-d',
          'ts@box',
        )
        try {
          return JSON.parse(stdout)['ts@box']
        } catch {
          return undefined
        }
      }
      await until(async () => (await ask('ping', 2)) !== undefined, { timeoutMs: 120_000 })
      await python.run(`app.send_task('ts.hold', task_id='held', queue='ts')`)
      const active = await until(
        async () => {
          const [one] = (await ask('active')) ?? []
          return one?.worker_pid && one.worker_pid !== worker.pid ? one : undefined
        },
        { timeoutMs: 120_000 },
      )
      const { processes, implementation } = (await ask('stats')).pool
      expect(active).toMatchObject({ id: 'held', hostname: 'ts@box' })
      expect(processes).toContain(active.worker_pid)
      expect(processes).toHaveLength(2)
      expect(implementation).toBe('lovage:prefork')
    } finally {
      await python.stop()
      project[Symbol.dispose]()
      await broker.stop()
    }
  })

  test('a task that is put back for its rate is told of as received once', { timeout: 90_000 }, async () => {
    const broker = await start()
    const app = createTestApp('once', {
      broker: broker.url,
      backend: broker.backend,
      workerSendTaskEvents: true,
    })
    try {
      const paced = app.task({ name: 'paced', rateLimit: '4/s', run: () => 'done' })
      const events: Event[] = []
      const end = await app.events.listen({ onEvents: (heard) => events.push(...heard) })
      {
        await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
        const sent = await Promise.all(Array.from({ length: 8 }, () => paced.delay()))
        for (const result of sent) expect(await result.get({ timeout: 30 })).toBe('done')
        const of = (type: string) => events.filter((one) => one.type === type).map(({ uuid }) => uuid)
        await until(() => of('task-succeeded').length === sent.length, { timeoutMs: 20_000 })
        expect(of('task-received').sort()).toEqual(sent.map(({ id }) => id).sort())
      }
      end()
    } finally {
      await app.close()
      await broker.stop()
    }
  })
})

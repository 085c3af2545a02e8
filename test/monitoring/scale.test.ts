import { existsSync, writeFileSync } from 'node:fs'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Exporter } from '../../packages/lovage/src/node/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { freePort, type RabbitServer, type RedisServer, startRabbit, startRedis } from '../servers.js'

interface Answer {
  readonly error: number | undefined
  readonly value: number | undefined
  readonly body: Readonly<Record<string, unknown>>
}

/** A number of replicas as KEDA takes it from an HTTP endpoint: the value at a place in the answer, or an error; never both. */
async function askLikeKeda(url: string, valueLocation = 'desired'): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) return { error: response.status, value: undefined, body: {} }
  const body = (await response.json()) as Record<string, unknown>
  const value = body[valueLocation]
  if (typeof value !== 'number') throw new Error(`no number at ${valueLocation}`)
  return { error: undefined, value, body }
}

const APP = `
import { existsSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('fleet', { brokerUrl: process.env.BROKER, brokerLease: 2 })
app.task({
  name: 'gated',
  queue: 'jobs',
  run: async () => {
    while (!existsSync(new URL('./gate', import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 20))
  },
})`
const TASKS = 30

describe('on Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis({ appendonly: 'always' })
  })
  afterAll(() => redis?.stop())

  test('the signal counts every task while a fleet is killed, is an error while the broker is away, and ends at 0', {
    timeout: 120_000,
  }, async () => {
    using project = makeProject({ 'package.json': '{"name":"fleet","type":"module"}', 'app.ts': APP })
    const cwd = project.folder
    await using app = createTestApp('fleet', { broker: redis.url })
    const exporter = await Exporter.start(coreOf(app), { port: 0, enableEvents: false })
    try {
      const url = `http://127.0.0.1:${exporter.port}/scale/jobs?slots=4`
      // Nobody has declared it: a misspelt queue must not look like an empty one.
      expect(await askLikeKeda(url)).toMatchObject({ error: 404 })
      await Promise.all(Array.from({ length: TASKS }, () => app.sendTask('gated', { queue: 'jobs' })))
      const worker = (place: number): Command =>
        new Command(['-A', 'app', 'worker', '-Q', 'jobs', '-c', '4', '-n', `w${place}@%h`, '-l', 'info'], {
          cwd,
          env: { BROKER: redis.url },
        })
      await using first = worker(1)
      await using second = worker(2)
      const counts = async () => (await askLikeKeda(url)).body
      await until(async () => (await counts()).running === 8)
      expect(await counts()).toMatchObject({ backlog: TASKS - 8, running: 8, desired: 8, paused: [] })

      const answers: Answer[] = []
      let isOver = false
      const polling = (async () => {
        while (!isOver) answers.push(await askLikeKeda(url))
      })()
      for (const one of [first, second]) one.signal('SIGKILL')
      await Promise.all([first.exited, second.exited])
      const seen = async (condition: (answer: Answer) => boolean): Promise<void> => {
        const from = answers.length
        await until(() => answers.slice(from).some(condition), { timeoutMs: 30_000 })
      }
      await seen(({ value }) => value === 8)
      await redis.kill()
      await seen(({ error }) => error === 503)
      await redis.restart()
      await seen(({ value }) => value === 8)
      isOver = true
      await polling
      // Whoever holds them, dead or alive, all tasks count, and what cannot be counted is no number.
      for (const { error, value, body } of answers) {
        if (error !== undefined) expect(error).toBe(503)
        else
          expect({ value, sum: Number(body.backlog) + Number(body.running) }).toEqual({
            value: 8,
            sum: TASKS,
          })
      }

      writeFileSync(`${cwd}/gate`, '')
      await using third = worker(3)
      await third.says(/ ready/)
      await until(async () => (await askLikeKeda(url)).value === 0, { timeoutMs: 40_000 })
      expect(await counts()).toMatchObject({ backlog: 0, running: 0, oldestAgeSeconds: 0 })
    } finally {
      await exporter.stop()
    }
  })

  test('delayed tasks that are due count although no worker moves them, and those due soon with ahead', async () => {
    let aheadMs = 0
    await using app = createTestApp('due', {
      broker: redis.url,
      taskDefaultQueue: 'later',
      clock: {
        now: () => Date.now() + aheadMs,
        setTimer: (callback, delayMs) => {
          const timer = setTimeout(callback, delayMs)
          return { cancel: () => clearTimeout(timer) }
        },
      },
    })
    await app.sendTask('anything', { countdown: 60, delay: 'store' })
    const exporter = await Exporter.start(coreOf(app), { port: 0, enableEvents: false })
    try {
      const base = `http://127.0.0.1:${exporter.port}/scale/later?slots=1`
      expect((await askLikeKeda(base)).body).toMatchObject({ backlog: 0, desired: 0 })
      expect((await askLikeKeda(`${base}&ahead=90`)).value).toBe(1)
      aheadMs = 100_000
      expect((await askLikeKeda(base)).body).toMatchObject({ backlog: 1, desired: 1, slots: 1 })
      expect((await askLikeKeda(base, 'oldestAgeSeconds')).value).toBeGreaterThanOrEqual(39)
      const metrics = await (await fetch(`http://127.0.0.1:${exporter.port}/metrics`)).text()
      expect(metrics).toContain('celery_queue_due{queue_name="later"} 1')
      expect(metrics).toContain('celery_queue_unacked{queue_name="later"} 0')
    } finally {
      await exporter.stop()
    }
  })

  test('a worker answers for its own slots, says how busy it is, and refuses what makes no sense', async () => {
    const port = await freePort()
    await using app = createTestApp('own', {
      broker: redis.url,
      taskDefaultQueue: 'own/queue',
      workerMetricsPort: port,
    })
    app.task({ name: 'wait', run: () => new Promise(() => {}) })
    const worker = await startTestWorker(app, { concurrency: 2 })
    try {
      await Promise.all(Array.from({ length: 5 }, () => app.sendTask('wait')))
      await until(() => worker.active.length === 2)
      const base = `http://127.0.0.1:${port}`
      const url = `${base}/scale/own%2Fqueue`
      expect((await askLikeKeda(url)).body).toMatchObject({ running: 2, backlog: 3, slots: 2, desired: 3 })
      expect(await (await fetch(`${base}/busy`)).json()).toEqual({
        hostname: worker.hostname,
        slots: 2,
        running: 2,
        waiting: 0,
      })
      await app.control.pauseQueues('own/queue')
      expect((await askLikeKeda(url)).body).toMatchObject({
        paused: ['own/queue'],
        backlog: 3,
        desired: 1,
      })
      await app.sendTask('anything', { queue: 'other' })
      // Queues of the same workers are added up, and a paused one calls for nothing.
      expect((await askLikeKeda(`${url},other`)).body).toMatchObject({ backlog: 4, running: 2, desired: 2 })
      await app.control.resumeQueues('own/queue')
      expect(await askLikeKeda(`${url}?slot=3`)).toMatchObject({ error: 400 })
      expect(await askLikeKeda(`${base}/scale/%E0%A4%A`)).toMatchObject({ error: 400 })
      const unknown = await fetch(`${base}/scale/mial`)
      expect([unknown.status, await unknown.text()]).toEqual([
        404,
        expect.stringContaining('There is no queue mial'),
      ])
    } finally {
      await worker.stop('cold')
    }
  })
})

describe('on RabbitMQ, which does not say what is claimed', () => {
  let rabbit: RabbitServer
  beforeAll(async () => {
    rabbit = await startRabbit()
  }, 120_000)
  afterAll(() => rabbit?.stop())

  test('workers are asked, and one that does not answer makes the load unknown', {
    timeout: 120_000,
  }, async () => {
    using project = makeProject({ 'package.json': '{"name":"fleet","type":"module"}', 'app.ts': APP })
    const cwd = project.folder
    await using app = createTestApp('fleet', { broker: rabbit.url() })
    const exporter = await Exporter.start(coreOf(app), { port: 0, enableEvents: false })
    try {
      const url = `http://127.0.0.1:${exporter.port}/scale/jobs?slots=4`
      await using worker = new Command(['-A', 'app', 'worker', '-Q', 'jobs', '-c', '4', '-l', 'info'], {
        cwd,
        env: { BROKER: rabbit.url() },
      })
      await worker.says(/ ready/)
      await Promise.all(Array.from({ length: 10 }, () => app.sendTask('gated', { queue: 'jobs' })))
      const load = async () => (await askLikeKeda(url)).body
      await until(async () => (await load()).running === 4, { timeoutMs: 30_000 })
      expect(await load()).toMatchObject({ backlog: 6, running: 4, desired: 3, oldestAgeSeconds: null })
      worker.signal('SIGSTOP')
      expect(await askLikeKeda(url)).toMatchObject({ error: 503 })
      worker.signal('SIGCONT')
      await until(async () => (await askLikeKeda(url)).value === 3, { timeoutMs: 30_000 })
      worker.signal('SIGKILL')
      await worker.exited
      // Its messages go back to their queue, and no consumer is left to be asked.
      await until(async () => (await load()).backlog === 10, { timeoutMs: 30_000 })
      expect(await load()).toMatchObject({ running: 0, desired: 3 })
      expect(existsSync(`${cwd}/gate`)).toBe(false)
    } finally {
      await exporter.stop()
    }
  })
})

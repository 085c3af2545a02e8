import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Event } from '../../packages/lovage/src/events/index.js'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { type RedisServer, startRedis } from '../servers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

const patience = { timeoutMs: 40_000 }
const FILES = {
  'package.json': '{"name":"beating","type":"module"}',
  'app.ts': `import { Lovage } from 'lovage'\nexport const app = new Lovage('beating')\n`,
}

let redis: RedisServer
let client: Lovage
let events: Event[]
let listening: AbortController
let heard: Promise<void>
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())
beforeEach(async () => {
  client = new Lovage('client', { broker: redis.url, backend: redis.url, env: {} })
  events = []
  listening = new AbortController()
  heard = (async () => {
    for await (const event of client.events({ signal: listening.signal })) events.push(event)
  })()
  await fence()
})
afterEach(async () => {
  listening.abort()
  await heard
  await client.close()
})

let fences = 0
/** Resolves when what was told before has been heard. */
async function fence(): Promise<void> {
  const type = `fence-${++fences}`
  await until(() => {
    client.events.send(type, {})
    return events.some((event) => event.type === type)
  }, patience)
}
const of = (hostname: string, type: string) =>
  events.filter((event) => event.hostname === hostname && event.type === type)
const start = (name: string, cwd: string, ...options: readonly string[]): Command =>
  new Command(['-A', 'app', '-b', redis.url, 'worker', '-l', 'info', '-n', name, ...options], { cwd })

test('a worker says how often it tells that it lives, and does', async () => {
  using project = makeProject(FILES)
  await using worker = start('often@box', project.folder, '--heartbeat-interval', '0.2')
  await until(() => of('often@box', 'worker-heartbeat').length >= 3, patience)
  expect(of('often@box', 'worker-heartbeat')[0]).toMatchObject({ freq: 0.2 })
  const times = of('often@box', 'worker-heartbeat').map(({ timestamp }) => Number(timestamp))
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(0.2)
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  await until(() => of('often@box', 'worker-offline').length === 1, patience)
})

test.each([[['--without-heartbeat']], [['--heartbeat-interval', '0']]])(
  'a worker with %j is not seen by those who listen, and answers those who ask',
  async (options) => {
    using project = makeProject(FILES)
    await using worker = start('silent@box', project.folder, ...options)
    await worker.says(/ ready/)
    await until(async () => {
      const answers = await client.control.ping({ destination: 'silent@box', timeout: 5 })
      return answers['silent@box']?.ok === 'pong'
    }, patience)
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
    await fence()
    expect(events.filter(({ hostname }) => hostname === 'silent@box')).toEqual([])
  },
)

test.each(['-1', 'often'])('a heartbeat every %s seconds is refused', async (interval) => {
  using project = makeProject(FILES)
  const args = ['-A', 'app', '-b', redis.url, 'worker', '--heartbeat-interval', interval]
  const { code, stderr } = await lovage(args, { cwd: project.folder })
  expect(code).toBe(64)
  expect(stderr).toMatch(/heartbeat-interval/)
})

import { createTestApp, until } from 'lovage/testing'
import { expect, test, vi } from 'vitest'
import { startPostgres, startRabbit, startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 120_000 })
const patient = { timeoutMs: 60_000 }

interface Server extends AsyncDisposable {
  restart(): Promise<unknown>
}

const SERVERS: readonly (readonly [
  name: string,
  start: () => Promise<{ readonly server: Server; readonly url: string }>,
])[] = [
  [
    'Redis',
    async () => {
      const server = await startRedis()
      return { server, url: server.url }
    },
  ],
  [
    'RabbitMQ',
    async () => {
      const server = await startRabbit()
      return { server, url: server.url() }
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const server = await startPostgres()
      return { server, url: server.url() }
    },
  ],
]

test.each(SERVERS)(
  'a monitor learns that it missed events when %s has cut it off, and hears the next ones',
  async (_name, start) => {
    const { server, url } = await start()
    await using _server = server
    const app = createTestApp('monitor', { broker: url, env: {} })
    const heard: string[] = []
    const missed: number[] = []
    const { read, end } = await app.events.receive({
      onMessage: (message) => heard.push(...(read(message) ?? []).map(({ type }) => type)),
      onMissed: (lostMs) => missed.push(lostMs),
    })
    app.events.send('before')
    await until(() => heard.includes('before'), patient)
    expect(missed).toEqual([])
    const beganMs = performance.now()
    await server.restart()
    await until(() => missed.length > 0, patient)
    expect(missed[0]).toBeGreaterThan(0)
    expect(missed[0]).toBeLessThan(performance.now() - beganMs + 1_000)
    await until(() => {
      app.events.send('after')
      return heard.includes('after')
    }, patient)
    end()
    await app.close()
  },
)

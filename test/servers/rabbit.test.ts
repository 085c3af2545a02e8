import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pythonCelery, type RabbitServer, startRabbit } from '../servers.js'

describe('a private RabbitMQ', () => {
  let server: RabbitServer
  beforeAll(async () => {
    server = await startRabbit({ config: { consumer_timeout: 60_000 } })
  })
  afterAll(() => server?.stop())

  it('serves a Python worker on a virtual host of its own', async () => {
    const broker = await server.createVhost('python')
    await using worker = await pythonCelery({
      broker,
      backend: 'rpc://',
      source: `
        @app.task
        def add(x, y):
            return x + y
      `,
    })
    expect(await worker.run('print(add.delay(2, 3).get(timeout=20))')).toBe('5\n')
  })

  it('comes back on the same port after kill -9', async () => {
    await server.restart()
    expect(await server.ctl('list_vhosts')).toContain('/')
  })
})

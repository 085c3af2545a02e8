import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  openBroker,
  openCoordinationStore,
  openResultBackend,
} from '../../packages/lovage/src/drivers/index.js'
import { freePort, type RedisServer, startRedis } from '../servers.js'
import { CountingWorker, driverOptions, taskMessage } from './fleet.js'

const servers: RedisServer[] = []
const closing: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
  for (const server of servers.splice(0)) await server.stop()
})

async function start(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const server = await startRedis(options)
  servers.push(server)
  return server
}

async function open(url: string, settings?: Readonly<Record<string, unknown>>) {
  const broker = await openBroker(url, driverOptions(settings))
  closing.push(broker)
  return broker
}

/** Answers INFO with these lines, and all else with OK: stands in for servers of which none is at hand. */
async function standIn(...lines: readonly string[]): Promise<number> {
  const info = lines.map((line) => `${line}\r\n`).join('')
  const server = createServer((socket) =>
    socket.on('data', (data) => {
      for (const [command] of String(data).matchAll(/\b(info|client|select|acl)\b/gi))
        socket.write(/info/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n')
    }),
  )
  const port = await freePort()
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  closing.push({ close: async () => void server.close() })
  return port
}

/** A task goes through a broker, a worker with all its connections, a result and an agreement. */
async function expectAllWorks(url: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const worker = await CountingWorker.start(url, { settings })
  closing.push(worker)
  await (await open(url, settings)).publish([taskMessage('q', 'secret')])
  await vi.waitFor(() => expect([...worker.runs.keys()]).toEqual(['secret']), { timeout: 10_000 })
  expect(worker.errors).toEqual([])
  const results = await openResultBackend(url, driverOptions(settings))
  closing.push(results)
  expect(await results.get(['none'])).toEqual([])
  const store = await openCoordinationStore(url, driverOptions(settings))
  closing.push(store)
  expect(await store.acquire('lease', 'me', 1_000)).toMatchObject({ token: expect.any(BigInt) })
}

describe('a Redis with a password', () => {
  it('works with it, percent-encoded in the URL', async () => {
    const server = await start({ password: 'p@ss word/?' })
    await expectAllWorks(`${server.url}/3`)
  })

  it('refuses a wrong or missing one in one clear error, without showing it', async () => {
    const server = await start({ password: 'right' })
    const wrong = await open(`redis://:wr0ng-s3cret@127.0.0.1:${server.port}`)
    const error = await wrong.publish([taskMessage('q', 'x')]).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'LVG_CONNECTION_REFUSED' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('wr0ng-s3cret')
    expect(JSON.stringify((error as Error).cause, ['message', 'command', 'args'])).not.toContain(
      'wr0ng-s3cret',
    )
    const none = await open(`redis://127.0.0.1:${server.port}`)
    await expect(none.check()).rejects.toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringContaining('requires a password'),
    })
    await expect(CountingWorker.start(`redis://:no@127.0.0.1:${server.port}`)).rejects.toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
    })
  })

  it('works for a user with the documented rights only', async () => {
    const server = await start()
    const admin = await open(server.url)
    await admin.check()
    const page = readFileSync(new URL('../../docs/operate/redis.md', import.meta.url), 'utf8')
    const rule = /^ *ACL SETUSER lovage (.+)$/m.exec(page)?.[1] ?? ''
    expect(rule).toContain('+evalsha')
    const { Redis } = await import('ioredis')
    const client = new Redis(server.url)
    await client.call('ACL', 'SETUSER', 'lovage', ...rule.replace('<password>', 'pw').split(/\s+/))
    client.disconnect()
    await expectAllWorks(`redis://lovage:pw@127.0.0.1:${server.port}`)
    const broker = await open(`redis://lovage:pw@127.0.0.1:${server.port}`)
    expect((await broker.check()).filter((advice) => advice.includes('may not use'))).toEqual([])
  })

  it('tells what a user lacks', async () => {
    const server = await start()
    const { Redis } = await import('ioredis')
    const client = new Redis(server.url)
    await client.call('ACL', 'SETUSER', 'weak', 'on', '>pw', '~*', '&*', '+@all', '-blmove')
    client.disconnect()
    const broker = await open(`redis://weak:pw@127.0.0.1:${server.port}`)
    expect((await broker.check()).join(' ')).toMatch(/user weak may not use blmove/)
  })
})

/** Paths of the authority, of a client's certificate and of its key. */
const filesOf = ({ caFile = '' }: RedisServer): readonly string[] =>
  ['ca.crt', 'client.crt', 'client.key'].map((name) => caFile.replace('ca.crt', name))

describe('a Redis behind TLS', () => {
  it('works with its authority named in the settings or in the URL', async () => {
    const server = await start({ password: 'pw', tls: true })
    const ca = server.caFile ?? ''
    await expectAllWorks(server.url, {
      brokerUseSsl: { ca },
      redisBackendUseSsl: { ca: readFileSync(ca, 'utf8') },
    })
    const broker = await open(
      `${server.url}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=${encodeURIComponent(ca)}`,
    )
    await broker.declare([{ name: 'q' }])
    const trusting = await open(`${server.url}/0?ssl_cert_reqs=none`)
    await trusting.declare([{ name: 'q' }])
  })

  it('is refused when its authority is not known', async () => {
    const server = await start({ tls: true })
    await expect((await open(server.url)).declare([{ name: 'q' }])).rejects.toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      message: expect.stringContaining('certificate is not trusted'),
    })
  })

  it('that asks for a client certificate gets it from the settings, or from the URL', async () => {
    const server = await start({ tls: 'mutual' })
    const [ca = '', cert = '', key = ''] = filesOf(server)
    await expectAllWorks(server.url, {
      brokerUseSsl: {
        ssl_ca_certs: ca,
        ssl_certfile: cert,
        ssl_keyfile: key,
        ssl_cert_reqs: 'CERT_REQUIRED',
      },
      redisBackendUseSsl: { ca, cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
    })
    const query = new URLSearchParams({ ssl_ca_certs: ca, ssl_certfile: cert, ssl_keyfile: key })
    await expectAllWorks(`${server.url}/1?ssl_cert_reqs=required&${query}`)
  })

  it('that asks for a client certificate says so to whoever has none, or one of a stranger', async () => {
    const server = await start({ tls: 'mutual' })
    const [ca = '', cert = ''] = filesOf(server)
    const stranger = {
      cert: cert.replace('client', 'stranger'),
      key: cert.replace('client.crt', 'stranger.key'),
    }
    for (const brokerUseSsl of [{ ca }, { ca, ...stranger }]) {
      const broker = await open(server.url, { brokerUseSsl })
      // The server closes the line behind its word: who writes at that moment may hear of the close alone.
      await vi.waitFor(
        () =>
          expect(broker.declare([{ name: 'q' }])).rejects.toMatchObject({
            code: 'LVG_CONNECTION_REFUSED',
            message: expect.stringContaining('does not accept this client’s certificate'),
            hint: expect.stringContaining('ssl_certfile'),
          }),
        { timeout: 20_000 },
      )
    }
    await expect(openBroker(server.url, driverOptions({ brokerUseSsl: { ca, cert } }))).rejects.toMatchObject(
      {
        code: 'LVG_CONFIG_INVALID',
        message: 'TLS has a client cert without its key',
      },
    )
  })

  it('asks no less of a server for `optional` than for `required`, as in Python', async () => {
    const server = await start({ tls: true })
    await expect(
      (await open(`${server.url}/0?ssl_cert_reqs=optional`)).declare([{ name: 'q' }]),
    ).rejects.toMatchObject({ message: expect.stringContaining('certificate is not trusted') })
    for (const words of ['ssl_cert_reqs=perhaps', 'ssl_ca_certs=/no/such/file'])
      await expect(openBroker(`${server.url}/0?${words}`, driverOptions())).rejects.toMatchObject({
        code: 'LVG_CONFIG_INVALID',
      })
  })

  it('is not what a redis:// URL with certificates means', async () => {
    await expect(openBroker('redis://h/0?ssl_ca_certs=/ca.crt', driverOptions())).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      message: expect.stringContaining('is not a rediss:// or valkeys:// URL'),
    })
  })

  it('is told from one without, in both directions', async () => {
    const plain = await start()
    await expect(
      (await open(plain.url.replace('redis:', 'rediss:'), { redisSocketConnectTimeout: 0.5 })).declare([
        { name: 'q' },
      ]),
    ).rejects.toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      hint: expect.stringContaining('Use redis://'),
    })
    const secure = await start({ tls: true })
    await expect(
      (await open(secure.url.replace('rediss:', 'redis:'))).declare([{ name: 'q' }]),
    ).rejects.toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      hint: expect.stringContaining('rediss://'),
    })
  })
})

describe('a Redis that is not there', () => {
  it('is one clear error at once for a producer, and the next call tries again', async () => {
    const port = await freePort()
    const broker = await open(`redis://127.0.0.1:${port}`)
    for (let attempt = 0; attempt < 2; attempt++) {
      const startMs = Date.now()
      await expect(broker.publish([taskMessage('q', 'x')])).rejects.toMatchObject({
        code: 'LVG_CONNECTION_FAILED',
        message: expect.stringContaining(`127.0.0.1:${port}`),
      })
      expect(Date.now() - startMs).toBeLessThan(3_000)
    }
  })

  it('is one clear error for a database that it does not have', async () => {
    const server = await start()
    await expect((await open(`${server.url}/99`)).declare([{ name: 'q' }])).rejects.toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringContaining('no such database'),
    })
  })

  it.each(['redis://host/x', 'redis://:pw@host:port', 'redis:///-1'])('is refused as %s', async (url) => {
    await expect(openBroker(url, driverOptions())).rejects.toMatchObject({ code: 'LVG_CONFIG_INVALID' })
    await expect(openBroker(url, driverOptions())).rejects.not.toMatchObject({
      message: expect.stringContaining('pw@'),
    })
  })
})

describe('the start-up check', () => {
  it('advises on eviction, on an append-only file, and on room for subscribers', async () => {
    const server = await start({
      config: {
        maxmemory: '100mb',
        'maxmemory-policy': 'allkeys-lru',
        'client-output-buffer-limit': 'pubsub 32mb 1mb 60',
      },
    })
    const advice = await (await open(server.url)).check()
    expect(advice).toEqual([
      expect.stringMatching(/maxmemory-policy allkeys-lru.*set maxmemory-policy noeviction\.$/),
      expect.stringMatching(/append-only file.*appendonly yes/),
      expect.stringMatching(
        /cuts off a subscriber for whom 33554432 bytes wait, or 1048576 for long .*32mb 8mb 60/,
      ),
    ])
  })

  it('refuses a server that is too old', async () => {
    const port = await standIn('redis_version:6.0.9')
    const broker = await open(`redis://127.0.0.1:${port}`)
    await expect(broker.check()).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      message: expect.stringContaining('6.0.9 is too old'),
    })
  })

  it('takes Valkey for what it is, whatever Redis it says to be', async () => {
    const port = await standIn(
      'redis_version:6.0.0',
      'server_name:valkey',
      'valkey_version:8.1.0',
      'aof_enabled:1',
    )
    const broker = await open(`redis://127.0.0.1:${port}`)
    expect((await broker.check()).filter((advice) => !advice.includes('may not use'))).toEqual([])
  })

  it('has nothing to say about a server that loses nothing', async () => {
    const server = await start({ appendonly: 'always' })
    expect(await (await open(server.url)).check()).toEqual([])
  })
})

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { silent } from '../every-store.js'
import {
  type PostgresServer,
  pythonCelery,
  type RedisServer,
  run,
  startPostgres,
  startRedis,
} from '../servers.js'

const MAKE = fileURLToPath(new URL('certificates.py', import.meta.url))

let folder: string
let redis: RedisServer
let postgres: PostgresServer
let count = 0
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-signing-'))
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  await run('/usr/bin/python3', [MAKE, folder])
})
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const security = (who: string, more: object = {}) => ({
  key: join(folder, `${who}.key`),
  certificate: join(folder, `${who}.crt`),
  certStore: join(folder, 'store'),
  ...(who === 'typescript' ? { keyPassword: 'hunter2' } : {}),
  ...more,
})
const openApp = (broker: string): Lovage => new Lovage('signed', { broker, env: {}, logger: silent })

describe.each([
  ['memory', () => `memory://signed-${++count}`],
  ['SQLite', () => `sqlite://${join(folder, `${++count}.db`)}`],
  ['Redis', () => `${redis.url}/${++count}`],
  ['PostgreSQL', () => postgres.createDatabase(`signed_${++count}`)],
])('signed messages on %s', (_name, freshUrl) => {
  test('run; unsigned, forged and altered ones become dead letters', async () => {
    const broker = await freshUrl()
    await using app = openApp(broker).setupSecurity(security('typescript'))
    const ran: unknown[] = []
    app.task({
      name: 'pay',
      maxRetries: 2,
      run: (ctx, amount: number) => {
        ran.push(amount)
        // What is written anew is signed anew.
        if (amount === 2 && ctx.retries === 0) throw ctx.retry({ countdown: 0, args: [3] })
        return amount
      },
    })
    await using unsigned = openApp(broker)
    await using stranger = openApp(broker).setupSecurity(security('stranger'))
    const bad = [
      await unsigned.sendTask('pay', { args: [666] }),
      await stranger.sendTask('pay', { args: [667] }),
    ]
    // A signed one of which one character of what is signed was changed.
    const honest = await app.sendTask('pay', { args: [1] })
    const altered = await app.sendTask('pay', { args: [668], queue: 'aside' })
    const [waiting] = await app.queues.find([altered.id])
    const envelope = JSON.parse(String(waiting?.raw))
    const inner = Buffer.from(Buffer.from(envelope.body, 'base64').toString(), 'base64').toString('latin1')
    const body = Buffer.from(inner.replace('668', '669'), 'latin1').toString('base64')
    const own = await coreOf(app).broker()
    await app.queues.remove([altered.id])
    await own.publish([
      {
        headers: { ...envelope.headers, id: 'altered' },
        body,
        contentType: 'application/data',
        contentEncoding: 'utf-8',
        properties: { correlationId: 'altered', replyTo: null, deliveryMode: 2 },
        exchange: '',
        routingKey: 'celery',
      },
    ])
    await using _worker = await startTestWorker(app)
    expect(await honest.get({ timeout: 20 })).toBe(1)
    expect(await (await app.sendTask('pay', { args: [2] })).get({ timeout: 20 })).toBe(3)
    await until(async () => (await app.deadLetters.list()).items.length === 3)
    expect(ran).toEqual([1, 2, 3])
    const letters = (await app.deadLetters.list()).items
    expect(letters.map(({ taskId, reason }) => [taskId, reason]).toSorted()).toEqual(
      [
        [bad[0]?.id, 'unaccepted'],
        [bad[1]?.id, 'malformed'],
        ['altered', 'malformed'],
      ].toSorted(),
    )
    const said = letters.map(({ error }) => error.message).join('\n')
    expect(said).toMatch(/"application\/json" is not accepted/)
    expect(said).toMatch(/unknown signer: Acme Inc stranger \d+/)
    expect(said).toMatch(/the signature of Acme Inc typescript \d+ does not match this message/)
    for (const one of bad) expect(await one.state()).toBe('FAILURE')
  })
})

test('workers that read no plain JSON obey signed commands alone, and sign their answers', async () => {
  const broker = `${redis.url}/${++count}`
  await using app = openApp(broker).setupSecurity(security('typescript'))
  await using unsigned = openApp(broker)
  await using stranger = openApp(broker).setupSecurity(security('stranger'))
  await using worker = await startTestWorker(app, { hostname: 'ts@box', queues: ['celery', 'other'] })
  const to = { destination: 'ts@box' }
  for (const one of [unsigned, stranger]) {
    expect(await one.control.ping({ ...to, timeout: 1 })).toEqual({})
    expect(await one.control.cancelConsumer('other', { ...to, timeout: 1 })).toEqual({})
  }
  expect(await app.control.ping({ ...to, timeout: 20 })).toEqual({ 'ts@box': { ok: 'pong' } })
  expect(worker.queues).toEqual(['celery', 'other'])
})

test('what is encrypted is signed inside; who has a key and no certificate is not believed', async () => {
  const key = { taskSerializer: 'encrypted', encryptionKeys: [randomBytes(32).toString('base64')] } as const
  const broker = `memory://sealed-${++count}`
  await using app = openApp(broker).setupSecurity(security('typescript')).configFromObject(key)
  app.task({ name: 'pay', run: (_ctx, amount: number) => amount })
  await using _worker = await startTestWorker(app)
  expect(await (await app.sendTask('pay', { args: [1] })).get({ timeout: 20 })).toBe(1)
  await using unsigned = openApp(broker).configFromObject(key)
  await expect((await unsigned.sendTask('pay', { args: [666] })).get({ timeout: 20 })).rejects.toThrow(
    /"application\/json" is not accepted inside/,
  )
  expect((await app.deadLetters.list()).items).toMatchObject([{ reason: 'unaccepted' }])
})

test('both languages believe each other, and nobody else', { timeout: 90_000 }, async () => {
  const url = `${redis.url}/15`
  const python = {
    broker: url,
    backend: url,
    source: `
      app.conf.update(
          security_key='${folder}/python.key', security_certificate='${folder}/python.crt',
          security_cert_store='${folder}/store/*.pem', security_digest='sha256',
          task_serializer='auth', event_serializer='json', accept_content=['auth'], result_accept_content=['json'],
          task_default_queue='py')
      app.setup_security()
      @app.task(name='py.add')
      def add(x, y):
          return x + y`,
  }
  await using worker = await pythonCelery(python)
  // Debian's Celery is 5.2.
  await using app = openApp(url).setupSecurity(security('typescript', { legacyFormat: true }))
  app.task({ name: 'ts.add', run: (_ctx, x: number, y: number) => x + y })
  await using _worker = await startTestWorker(app, { queues: ['ts'] })
  const theirs = await app.sendTask('py.add', { args: [2, 3], queue: 'py' })
  expect(await theirs.get({ timeout: 30 })).toBe(5)
  await worker.run(`print(app.send_task('ts.add', args=[4, 5], queue='ts').get(timeout=30))`).then((said) => {
    expect(said.trim()).toBe('9')
  })
})

test('says what cannot be used when security is set up', async () => {
  const app = openApp('memory://setup')
  const setUp = (more: object) => () => app.setupSecurity(security('typescript', more))
  expect(setUp({ key: join(folder, 'python.key') })).toThrow(/not that of the certificate/)
  expect(setUp({ key: join(folder, 'nowhere') })).toThrow(/the private key cannot be used/)
  expect(setUp({ keyPassword: 'wrong' })).toThrow(/the private key cannot be used/)
  expect(setUp({ certStore: join(folder, '*.crt') })).toThrow(/expired\.crt has expired/)
  expect(setUp({ certStore: join(folder, 'store', '*.none') })).toThrow(/is empty/)
  await using unset = new Lovage('signed', {
    broker: 'memory://unset',
    taskSerializer: 'auth',
    env: {},
    logger: silent,
  })
  await expect(unset.sendTask('pay')).rejects.toThrow(/securityKey/)
})

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { webhooks } from '@lovage/webhooks'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { startPostgres, startRedis } from '../servers.js'
import { Receiver } from './receiver.js'

const WORKER = new URL('./worker.mjs', import.meta.url)
const KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`
/** The places where processes are killed, with how often each is passed for one delivery at least. */
const POINTS = [
  'webhook:after-claim',
  'webhook:after-post',
  'webhook:after-record',
  'webhook:after-release',
  'run:after',
  'settle:before',
  'settle:after-ack',
]

/** A process that is killed where the environment says, or by hand. */
function start(env: Readonly<Record<string, string>>): {
  child: ChildProcess
  ended: Promise<NodeJS.Signals | null>
} {
  const child = fork(WORKER, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_code, signal) => resolve(signal)),
  )
  return { child, ended }
}

/** The webhooks of an app that may post to this machine. */
const openHooks = (app: Lovage, store: string) =>
  webhooks(app, {
    store,
    encryptionKeys: KEYS,
    allowedCidrs: ['127.0.0.0/8'],
    allowHttp: true,
    minTimeoutMs: 50,
  })

async function onServers(kind: 'redis and postgresql' | 'sqlite') {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-'))
    const urls = {
      BROKER: `sqlite://${join(folder, 'queue.db')}`,
      STORE: `sqlite://${join(folder, 'webhooks.db')}`,
    }
    return { urls, [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }) }
  }
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  return {
    urls: { BROKER: `${redis.url}/0`, STORE: postgres.url() },
    async [Symbol.asyncDispose]() {
      await Promise.all([redis.stop(), postgres.stop()])
    },
  }
}

// They wait more than they work: both at the same time.
describe.concurrent('deliveries whose workers are killed anywhere', () => {
  test.each([
    ['redis and postgresql', 10_010, 14],
    ['sqlite', 2_002, 14],
  ] as const)(
    'on %s: of %i none is lost, and what comes twice has the same id',
    {
      timeout: 400_000,
    },
    async (kind, count, kills) => {
      await using servers = await onServers(kind)
      const { BROKER, STORE } = servers.urls
      await using receiver = await Receiver.start()
      await using app = new Lovage('hooks', { broker: BROKER, env: {} })
      const hooks = openHooks(app, STORE)
      await hooks.endpoints.create({
        url: receiver.url,
        timeoutMs: 1_000,
        ratePerMinute: null,
        concurrency: null,
      })
      const steady = start({ BROKER, STORE })
      await Promise.race([once(steady.child, 'message'), steady.ended])

      const ids: string[] = []
      const died = new Set<string>()
      for (let kill = 0; kill < kills; kill++) {
        const point = POINTS[kill % POINTS.length] ?? ''
        const victim = start({
          BROKER,
          STORE,
          LOVAGE_CRASH_POINT: `${point}#${1 + 2 * Math.floor(kill / POINTS.length)}`,
        })
        await Promise.race([once(victim.child, 'message'), victim.ended])
        const more = Array.from({ length: count / kills }, (_, n) => `evt-${kill}-${n}`)
        await Promise.all(more.map((id) => hooks.send({ type: 'order.paid', data: { id } }, { id })))
        ids.push(...more)
        // It dies at its point; should the other have taken all of the work, it is killed where it is.
        const timer = setTimeout(() => victim.child.kill('SIGTERM'), 8_000)
        if ((await victim.ended) === 'SIGKILL') died.add(point)
        clearTimeout(timer)
      }
      expect([...died].sort()).toEqual([...POINTS].sort())
      const arrived = () => new Set(receiver.seen.map(({ headers }) => headers['webhook-id']))
      await until(
        async () => {
          await app.sendTask('webhooks.retry_failed_deliveries', { ignoreResult: true })
          await new Promise((resolve) => setTimeout(resolve, 500))
          const { byState } = await (await hooks.store()).deliveries.counts(Date.now())
          return (byState.pending ?? 0) + (byState.processing ?? 0) + (byState.failed ?? 0) === 0
        },
        { timeoutMs: 240_000, what: 'nothing left' },
      )
      expect(arrived()).toEqual(new Set(ids))
      // Of the attempts that were under way when a process died, some are made again: never more than it had at once.
      expect(receiver.seen.length - ids.length).toBeLessThanOrEqual(kills * 50)
      steady.child.kill('SIGTERM')
      await steady.ended
      await hooks.close()
    },
  )
})

test('a test event whose worker is killed after the attempt leaves no dead letter', async () => {
  await using servers = await onServers('sqlite')
  const { BROKER, STORE } = servers.urls
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(500).end('no'))
  await using app = new Lovage('hooks', { broker: BROKER, env: {} })
  const hooks = openHooks(app, STORE)
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  const { deliveryIds } = await hooks.endpoints.test(endpoint.id)
  expect(await start({ BROKER, STORE, LOVAGE_CRASH_POINT: 'webhook:after-record' }).ended).toBe('SIGKILL')
  expect(await hooks.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({ state: 'exhausted', isTest: true })
  const next = start({ BROKER, STORE })
  await until(
    async () =>
      (await app.queues.report()).every(({ ready, unacked }) => ready === 0 && (unacked ?? 0) === 0),
    { timeoutMs: 60_000, what: 'the message has been taken again' },
  )
  expect((await app.deadLetters.list({})).items).toEqual([])
  expect(receiver.seen).toHaveLength(1)
  next.child.kill('SIGTERM')
  await next.ended
  await hooks.close()
})

test.each(['webhook:after-insert', 'webhook:after-publish'])(
  'a sender that is killed at %s has sent what it had stored',
  { timeout: 90_000 },
  async (point) => {
    await using servers = await onServers('sqlite')
    const { BROKER, STORE } = servers.urls
    await using receiver = await Receiver.start()
    await using app = new Lovage('hooks', { broker: BROKER, env: {} })
    const hooks = openHooks(app, STORE)
    await hooks.endpoints.create({ url: receiver.url, ratePerMinute: null, concurrency: null })
    const sender = start({
      BROKER,
      STORE,
      ONLY_SEND: '1',
      COUNT: '500',
      PREFIX: 'evt',
      LOVAGE_CRASH_POINT: `${point}#2`,
    })
    expect(await sender.ended).toBe('SIGKILL')
    const stored: string[] = []
    for (let after: string | undefined, more = true; more; ) {
      const page = await hooks.events.list({ limit: 250, ...(after === undefined ? {} : { after }) })
      stored.push(...page.items.map(({ id }) => id))
      more = page.next !== null
      after = page.next ?? undefined
    }
    expect(stored.length).toBeGreaterThan(0)
    const { child, ended } = start({ BROKER, STORE })
    await until(
      async () => {
        await app.sendTask('webhooks.retry_failed_deliveries', { ignoreResult: true })
        await new Promise((resolve) => setTimeout(resolve, 200))
        return receiver.seen.length >= stored.length
      },
      { timeoutMs: 60_000 },
    )
    expect(new Set(receiver.seen.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(stored))
    child.kill('SIGTERM')
    await ended
    await hooks.close()
  },
)

test('a worker that is killed after it gave a delivery up, before its dead letter, still owes the letter', {
  timeout: 90_000,
}, async () => {
  await using servers = await onServers('sqlite')
  const { BROKER, STORE } = servers.urls
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(400).end())
  await using app = new Lovage('hooks', { broker: BROKER, env: {} })
  const hooks = openHooks(app, STORE)
  await hooks.endpoints.create({ url: receiver.url, permanentStatuses: [400] })
  const { deliveryIds } = await hooks.send({ type: 'order.paid', data: {} })
  expect(await start({ BROKER, STORE, LOVAGE_CRASH_POINT: 'webhook:after-release' }).ended).toBe('SIGKILL')
  expect((await hooks.deliveries.get(deliveryIds[0] ?? '')).state).toBe('exhausted')
  expect((await app.deadLetters.list({})).items).toEqual([])
  const { child, ended } = start({ BROKER, STORE })
  await until(async () => (await app.deadLetters.list({})).items.length === 1, { timeoutMs: 60_000 })
  expect(receiver.seen).toHaveLength(1)
  child.kill('SIGTERM')
  await ended
  await hooks.close()
})

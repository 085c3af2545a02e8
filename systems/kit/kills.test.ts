import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { openDatabase } from 'lovage-systems-kit'
import { describe, expect, type TestContext, test } from 'vitest'
import { Command } from '../../test/cli/command.js'
import { freePort } from '../../test/servers.js'

// Workers are killed in the runs of the systems (systems.test.ts); here it is beat and the web application. No worker is up: what was
// sent can be counted in the queues.

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))

async function place(system: string, { onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-kills-'))
  const [broker, database] = [`sqlite://${join(folder, 'queue.db')}`, `sqlite://${join(folder, 'data.db')}`]
  const app = new Lovage('looks', { broker, env: {} })
  const db = await openDatabase(database)
  const store = await openDatabase(broker)
  onTestFinished(async () => {
    await app.close()
    await db.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })
  const env: Record<string, string> = {
    CELERY_BROKER_URL: broker,
    CELERY_RESULT_BACKEND: broker,
    DATABASE_URL: database,
    LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
    UPLOAD_DIR: join(folder, 'uploads'),
  }
  const serve = (module: string, port: number) =>
    new Command(['../serve.mjs', module], {
      cwd: `${SYSTEMS}${system}`,
      env: { ...env, PORT: String(port) },
      program: [process.execPath],
    })
  const celery = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    new Command(words, { cwd: `${SYSTEMS}${system}`, env: { ...env, ...more } })
  const waiting = async () => {
    const all: { readonly id: string; readonly task: string }[] = []
    for (const queue of await app.queues.names())
      for await (const { id, task } of app.queues.each(queue)) all.push({ id, task: String(task) })
    return all
  }
  return { db, store, serve, celery, waiting }
}
type Place = Awaited<ReturnType<typeof place>>

interface WebSystem {
  readonly name: string
  readonly module: string
  prepare?(place: Place): Promise<void>
  request(index: number): { path: string; body: object; key: string }
  /** How many pieces of work there are. */
  kept(place: Place): Promise<number>
  readonly answered: 'task_id' | 'id'
}

const REQUESTS = 30
const keys = Array.from({ length: REQUESTS }, () => randomUUID())
const count = async ({ db }: Place, sql: string) => Number((await db.query(sql))[0]?.n)
/** Of the word `token`. */
const TOKEN_SHA256 = '3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0'

const web: readonly WebSystem[] = [
  {
    name: 'datacleanup',
    module: 'app/api.ts',
    answered: 'task_id',
    prepare: async ({ db }) => {
      await db.migrate([
        'CREATE TABLE IF NOT EXISTS users (id BIGINT PRIMARY KEY, email TEXT NOT NULL, token_sha256 TEXT NOT NULL UNIQUE, stripe_customer TEXT)',
      ])
      await db.query(`INSERT INTO users (id, email, token_sha256) VALUES (1, 'ada@example.com', $1)`, [
        TOKEN_SHA256,
      ])
    },
    request: (index) => ({
      path: '/refunds',
      body: { charge: `ch_${index}`, cents: 100 },
      key: String(keys[index]),
    }),
    kept: (place) => count(place, 'SELECT count(*) AS n FROM refunds'),
  },
  {
    name: 'task-platform',
    module: 'web.ts',
    answered: 'task_id',
    request: (index) => ({
      path: '/tasks/app.workers.billing.process_subscription',
      body: { subscription_id: `sub_${index}` },
      key: String(keys[index]),
    }),
    kept: async ({ waiting }) => new Set((await waiting()).map(({ id }) => id)).size,
  },
  {
    name: 'monitoring',
    module: 'api.ts',
    answered: 'id',
    request: (index) => ({
      path: '/api/monitors',
      body: { id: keys[index], name: `page ${index}`, url: `http://127.0.0.1/${index}` },
      key: String(keys[index]),
    }),
    kept: (place) => count(place, 'SELECT count(*) AS n FROM monitors'),
  },
]

describe('the web application', () => {
  test.concurrent.for(web)(
    'of $name is killed in the middle of its requests: what it answered is kept, and asked again nothing is twice',
    { timeout: 60_000 },
    async ({ name, module, prepare, request, kept, answered }, context) => {
      const it = await place(name, context)
      await prepare?.(it)
      const port = await freePort()
      const up = async () => {
        const server = it.serve(module, port)
        await until(() => server.stdout.includes('listening'), { timeoutMs: 30_000 })
        return server
      }
      let server = await up()
      const answers = new Map<number, string>()
      const ask = async (index: number) => {
        const { path, body, key } = request(index)
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: 'Bearer token',
            'idempotency-key': key,
          },
          body: JSON.stringify(body),
        })
        const said = (await response.json()) as Record<string, string>
        expect(response.ok, JSON.stringify(said)).toBe(true)
        answers.set(index, String(said[answered]))
        if (answers.size === REQUESTS / 3) server.signal('SIGKILL')
      }
      // Three clients, until they find nobody.
      const left = [...keys.keys()]
      const client = async () => {
        for (let index = left.shift(); index !== undefined; index = left.shift()) await ask(index)
      }
      const ends = await Promise.allSettled([client(), client(), client()])
      expect(ends.map((end) => end.status === 'rejected' && String(end.reason))).toEqual(
        Array(3).fill('TypeError: fetch failed'),
      )
      expect(await server.exited).toBe('SIGKILL')
      expect(answers.size).toBeGreaterThanOrEqual(REQUESTS / 3)
      expect(answers.size).toBeLessThan(REQUESTS)
      const early = new Map(answers)

      server = await up()
      for (const index of keys.keys()) if (!early.has(index)) await ask(index)
      server.signal('SIGTERM')
      expect({ code: await server.exited, stderr: server.stderr }).toMatchObject({ code: 0 })
      expect(await kept(it)).toBe(REQUESTS)
      if (answered === 'task_id') {
        const ids = new Set((await it.waiting()).map(({ id }) => id))
        expect([...answers.values()].filter((id) => !ids.has(id))).toEqual([])
      }
    },
  )
})

describe('beat', () => {
  test.concurrent.for([
    ['learning-time', 'lms.celery'],
    ['webhook-delivery', 'celery_app'],
    ['datacleanup', 'app.core.celery_app'],
    ['task-platform', 'celery_app'],
    ['monitoring', 'consultantos.jobs.celery_app'],
  ] as const)(
    'of %s is killed between sending what is due and noting it: each run that was due is there once',
    { timeout: 60_000 },
    async ([system, module], context) => {
      const it = await place(system, context)
      const beat = (crash = '') =>
        it.celery(['-A', module, 'beat', '--loglevel=info'], { LOVAGE_CRASH_POINT: crash })
      const entries = async (where = '') =>
        Number((await it.store.query(`SELECT count(*) AS n FROM lovage_schedule ${where}`))[0]?.n)
      // It learns its entries; then eight days pass without it.
      const first = beat()
      await first.says(/Leading/)
      await until(async () => (await entries()) > 0)
      first.signal('SIGTERM')
      await first.exited
      await it.store.query(
        'UPDATE lovage_schedule SET cursor_ms = cursor_ms - 691200000, anchor_ms = anchor_ms - 691200000',
      )
      expect(await beat('beat:after-publish#1').exited).toBe('SIGKILL')
      const last = beat()
      const due = await entries()
      await until(async () => (await entries('WHERE total_run_count > 0')) === due, { timeoutMs: 30_000 })
      last.signal('SIGTERM')
      await last.exited
      const sent = await it.waiting()
      expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length)
      expect(sent).toHaveLength(due)
    },
  )
})

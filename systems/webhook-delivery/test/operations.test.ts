import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { startReceiver } from 'lovage-systems-kit'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Command, MAIN } from '../../../test/cli/command.js'
import { freePort, run, startPostgres, startRedis } from '../../../test/servers.js'

// The system as it is installed: its units, its environment file and its log rotation, on Redis and PostgreSQL.

vi.setConfig({ testTimeout: 120_000 })
const SYSTEM = fileURLToPath(new URL('..', import.meta.url))
const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url))
const LOADER = new URL('../../../packages/lovage/dist/loader/index.js', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'lovage-operations-'))
const logs = join(folder, 'log')
const LOG = join(logs, 'psra-celery.log')

async function start() {
  const [redis, postgres, metricsPort] = await Promise.all([startRedis(), startPostgres(), freePort()])
  const [, port = ''] = /:(\d+)/.exec(redis.url) ?? []
  await postgres.sql('CREATE DATABASE psra')
  await postgres.sql('CREATE TABLE applications (id TEXT PRIMARY KEY)', 'psra')
  // The file of the document's production, with what its user writes into it.
  const env = Object.fromEntries(
    readFileSync(`${DEPLOY}env/webhook-delivery.env.example`, 'utf8')
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  expect(env).toMatchObject({ REDIS_HOST: 'localhost', REDIS_PORT: '6379', REDIS_DB: '0' })
  const written = {
    ...env,
    REDIS_PORT: port,
    DATABASE_URL: postgres.url('psra'),
    LOVAGE_WEBHOOKS_KEYS: `operations:${Buffer.alloc(32, 3).toString('base64')}`,
    // The partner is on this machine.
    ALLOW_HTTP: '1',
    ALLOWED_CIDRS: '127.0.0.0/8',
    CIRCUIT_SECONDS: '1',
  }
  mkdirSync(logs)
  Object.assign(process.env, written)
  const { hooks } = await import('../tasks/webhook_delivery.js')
  const { app } = await import('../celery_app.js')
  const receiver = await startReceiver()
  const { endpoint, secrets } = await hooks.endpoints.create({ url: receiver.url, tenant: 'partner-123' })
  receiver.secret = secrets[0]?.secret ?? ''
  const client = new pg.Client(postgres.url('psra'))
  await client.connect()
  return { redis, postgres, metricsPort, port, written, hooks, app, receiver, endpoint, client }
}

let it: Awaited<ReturnType<typeof start>> & { worker?: Command; beat?: Command }
beforeAll(async () => {
  it = await start()
}, 120_000)
afterAll(async () => {
  await it.client.end()
  await it.hooks.close()
  await it.app.close()
  await it.receiver.close()
  await Promise.all([it.redis.stop(), it.postgres.stop()])
  rmSync(folder, { recursive: true })
})

/** Starts what a unit starts. */
function startUnit(name: string): Command {
  const unit = readFileSync(`${DEPLOY}systemd/${name}.service`, 'utf8').replace(/\\\n\s*/g, '')
  const [, line = ''] = /^ExecStart=\S+ (.*)$/m.exec(unit) ?? []
  const runtime = join(folder, 'run', /^RuntimeDirectory=(\S+)/m.exec(unit)?.[1] ?? '')
  mkdirSync(runtime, { recursive: true })
  const words = line
    .replaceAll('%%', '%')
    .replace(/\/run\/[^/]+/, runtime)
    .replace('/var/log/celery', logs)
    .replace(/--metrics-port=\d+/, `--metrics-port=${it.metricsPort}`)
    .split(/\s+/)
  return new Command(words, { cwd: SYSTEM, env: it.written, program: [process.execPath, MAIN] })
}
const logged = (path = LOG): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
/** A line of the document, typed in the folder of the system. */
async function type(line: string) {
  const [words, env] = [line.split(' '), { ...it.written }]
  for (let word = words[0] ?? ''; /^\w+=/.test(word); word = words[0] ?? '') {
    words.shift()
    Object.assign(env, { [word.slice(0, word.indexOf('='))]: word.slice(word.indexOf('=') + 1) })
  }
  expect(words.shift()).toBe('celery')
  return run(process.execPath, [MAIN, ...words], { cwd: SYSTEM, env })
}

test('its units start with its environment file, and are seen by every command of the document', async () => {
  it.worker = startUnit('psra-celery')
  it.beat = startUnit('psra-celery-beat')
  await until(() => / ready/.test(logged()), { timeoutMs: 60_000 })
  await until(() => /beat: Starting/.test(logged(join(logs, 'psra-celery-beat.log'))), { timeoutMs: 60_000 })
  const cli = async (...words: readonly string[]) =>
    (await run('redis-cli', ['-h', 'localhost', '-p', it.port, ...words])).stdout.trim()
  expect(await cli('ping')).toBe('PONG')
  const registered = await type('REDIS_HOST=localhost celery -A celery_app inspect registered')
  for (const name of ['deliver_event', 'retry_failed_deliveries', 'cleanup_old_deliveries'])
    expect(registered.stdout).toContain(`webhooks.${name}`)
  const active = await type('REDIS_HOST=localhost celery -A celery_app inspect active')
  expect(active).toMatchObject({ code: 0, stdout: expect.stringContaining(`celery@${hostname()}`) })
  const stats = await type('REDIS_HOST=localhost celery -A celery_app inspect stats')
  expect(stats.stdout).toContain('max-concurrency')
  const { deliverWebhookEvent } = await import('../tasks/webhook_delivery.js')
  const task = await deliverWebhookEvent.delay(it.endpoint.id, {
    event: 'application.submitted',
    partner_id: 'partner-123',
    data: { application: 1 },
    timestamp: '2025-10-13T13:00:00Z',
  })
  expect(await task.get({ timeout: 10 })).toMatchObject({ state: 'success' })
  await until(() => logged().includes(task.id))
  expect(await cli('LLEN', 'celery')).toBe('0')
  const doctor = await type('celery -A celery_app doctor')
  expect(doctor, doctor.stdout).toMatchObject({ code: 0 })
})

test('an application and its event are kept together or not at all, also by a program that is killed', async () => {
  const { emitEvent } = await import('../webhook_service.js')
  const apply = async (id: string, end: 'COMMIT' | 'ROLLBACK') => {
    await it.client.query('BEGIN')
    await it.client.query('INSERT INTO applications VALUES ($1)', [id])
    await emitEvent(
      { partner_id: 'partner-123', event: 'application.submitted', data: { id } },
      { transaction: it.client },
    )
    await it.client.query(end)
  }
  await apply('undone', 'ROLLBACK')
  // The same in a program of its own, that dies before and after its commit.
  const program = join(folder, 'apply.mjs')
  writeFileSync(
    program,
    `import { registerTypeScript } from ${JSON.stringify(LOADER)}
await registerTypeScript()
const { emitEvent } = await import(${JSON.stringify(new URL('../webhook_service.ts', import.meta.url).href)})
const { default: pg } = await import(${JSON.stringify(import.meta.resolve('pg'))})
const [id, until] = process.argv.slice(2)
const client = new pg.Client(process.env.DATABASE_URL)
await client.connect()
await client.query('BEGIN')
await client.query('INSERT INTO applications VALUES ($1)', [id])
await emitEvent({ partner_id: 'partner-123', event: 'application.submitted', data: { id } }, { transaction: client })
if (until === 'committed') await client.query('COMMIT')
process.kill(process.pid, 'SIGKILL')
`,
  )
  for (const until of ['open', 'committed']) {
    const killed = await run(process.execPath, [program, `killed-${until}`, until], {
      cwd: SYSTEM,
      env: it.written,
    })
    expect(killed.stderr).toBe('')
  }
  await apply('done', 'COMMIT')
  const heard = (): string[] =>
    [...it.receiver.received.values()].flatMap((body) => {
      const { data } = JSON.parse(body) as { data: { id?: string } }
      return data.id ?? []
    })
  await until(() => heard().length >= 2, { timeoutMs: 60_000 })
  const kept = await it.postgres.sql('SELECT id FROM applications ORDER BY 1', 'psra')
  expect(kept).toEqual(['done', 'killed-committed'])
  expect(heard().sort()).toEqual(kept)
  expect(it.receiver).toMatchObject({ forged: 0 })
})

test('logs are rotated while it works, and nothing of them is lost', async () => {
  const settings = join(folder, 'logrotate.conf')
  const rules = readFileSync(`${DEPLOY}logrotate/celery`, 'utf8').replace('/var/log/celery', logs)
  writeFileSync(settings, rules)
  const { emitEvent } = await import('../webhook_service.js')
  const before = logged()
  const rotated = await run('/usr/sbin/logrotate', ['--force', '--state', join(folder, 'state'), settings])
  expect(rotated, rotated.stderr).toMatchObject({ code: 0 })
  // The file is opened anew within a second; until then lines go to the one that was moved away.
  await until(
    async () => {
      await emitEvent({ partner_id: 'partner-123', event: 'application.closed', data: {} })
      return logged().includes('webhooks.deliver_event')
    },
    { timeoutMs: 20_000 },
  )
  expect(logged(`${LOG}.1`).startsWith(before)).toBe(true)
  const ended = (): number =>
    (logged(`${LOG}.1`) + logged()).match(/webhooks\.deliver_event\[[^\]]+\] succeeded/g)?.length ?? 0
  await until(() => ended() >= it.receiver.received.size)
})

test('what its alerts ask for is what its worker counts', async () => {
  const rules = readFileSync(`${DEPLOY}prometheus/webhook-delivery.yml`, 'utf8')
  it.receiver.isDown = true
  const { emitEvent } = await import('../webhook_service.js')
  await emitEvent({ partner_id: 'partner-123', event: 'application.closed', data: {} })
  await it.app.sendTask('webhooks.retry_failed_deliveries')
  const counted = await until(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${it.metricsPort}/metrics`)).text()
      const lines = text.split('\n').filter((line) => line.startsWith('celery_task_total{'))
      const has = (task: string, status: RegExp): boolean =>
        lines.some((line) => line.includes(`task_name="webhooks.${task}"`) && status.test(line))
      return has('deliver_event', /status="(failure|retry)"/) && has('retry_failed_deliveries', /status=/)
        ? lines
        : undefined
    },
    { timeoutMs: 30_000 },
  )
  it.receiver.isDown = false
  const names = [...rules.matchAll(/task_name="([^"]+)"/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(1)
  for (const name of names) expect(counted.join('\n')).toContain(`task_name="${name}"`)
})

test('a Redis that cannot be reached is named, by the worker and by doctor', async () => {
  for (const [where, what] of [
    ['REDIS_HOST=localhost REDIS_PORT=1', /localhost:1\b/],
    ['REDIS_HOST=psra-redis.invalid', /psra-redis\.invalid/],
  ] as const) {
    const doctor = await type(`${where} celery -A celery_app doctor`)
    expect(doctor.code).not.toBe(0)
    expect(doctor.stdout).toMatch(what)
    const ping = await type(`${where} celery -A celery_app inspect ping`)
    expect(ping.code).not.toBe(0)
    expect(ping.stderr).toMatch(what)
  }
})

test('units stop when their tasks have ended', async () => {
  for (const unit of [it.beat, it.worker]) {
    unit?.signal('SIGTERM')
    expect(await unit?.exited, unit?.stderr).toBe(0)
  }
})

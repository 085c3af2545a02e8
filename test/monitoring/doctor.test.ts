import { examine, Lovage, startWorker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { checkDeploy } from '../../packages/lovage/src/health/index.js'
import { systemClock } from '../../packages/lovage/src/kernel/index.js'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'

const HOUR_MS = 3_600_000

test('a healthy set-up of a developer passes in full, with a Redis as it comes', async () => {
  await using redis = await startRedis()
  await using app = createTestApp('well', {
    broker: redis.url,
    backend: redis.url,
    taskRoutes: { 'mail.*': 'mail' },
  })
  app.task({ name: 'add', run: () => 1 })
  app.deployChecks.push({ name: 'warehouse', run: async () => 'answers' })
  await using _worker = await startTestWorker(app, { queues: ['celery', 'mail'] })
  const findings = await examine(app)
  expect(findings.filter(({ passed }) => !passed)).toEqual([])
  expect(findings.every(({ advice }) => advice === undefined)).toBe(true)
  expect(Object.fromEntries(findings.map(({ check, detail }) => [check, detail]))).toEqual({
    settings: expect.stringMatching(/^app well, \d+ tasks$/),
    broker: expect.stringMatching(/^redis .* answers$/),
    'server settings': expect.stringMatching(
      /^Redis keeps no append-only file.*good enough outside production/,
    ),
    results: expect.stringMatching(/^redis .* answers$/),
    'dead letters': 'the store answers and holds 0',
    clock: 'redis agrees within 2000 ms',
    'lost workers': 'no task loses one worker after the other',
    'worker on celery': 'consumes it',
    'worker on mail': 'consumes it',
    'clocks of workers': '1 agrees within 2000 ms',
    'round trip': expect.stringMatching(/^a task went through celery and back in \d+ ms$/),
    warehouse: 'answers',
  })
})

test('a task goes there and back through the shortest queue, and is not put behind a backlog', async () => {
  await using app = createTestApp('full', {
    taskRoutes: { 'slow.*': 'slow' },
    workerShutdownTimeout: 0,
  })
  const slow = app.task({
    name: 'slow.one',
    run: (ctx) => new Promise((resolve) => ctx.signal.addEventListener('abort', resolve)),
  })
  await using worker = await startTestWorker(app, { queues: ['slow'], concurrency: 1 })
  await Promise.all(Array.from({ length: 150 }, () => slow.delay()))
  await until(() => worker.active.length === 1)
  const roundTrip = async () => (await examine(app)).find(({ check }) => check === 'round trip')
  expect(await roundTrip()).toMatchObject({
    passed: true,
    detail: expect.stringMatching(/^not tried: 149 tasks wait in slow/),
  })
  await using _other = await startTestWorker(app, { queues: ['celery'] })
  expect(await roundTrip()).toMatchObject({
    passed: true,
    detail: expect.stringContaining('through celery and back'),
  })
  expect(await app.queues.purge('slow')).toBe(149)
})

test('what may stay as it is in development fails in production', async () => {
  await using redis = await startRedis()
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': "import { Lovage } from 'lovage'\nexport const app = new Lovage('shop')",
  })
  const said = await lovage(['-b', redis.url, 'doctor'], {
    cwd: shop.folder,
    env: { NODE_ENV: 'production' },
  })
  expect(said.stdout).toMatch(
    /^FAIL {2}server settings: In production: Redis keeps no append-only file.*\n {6}set appendonly yes/m,
  )
})

test('a full Redis is called full, whatever the environment, and not a matter of clocks', async () => {
  await using redis = await startRedis({ config: { maxmemory: '1', 'maxmemory-policy': 'noeviction' } })
  await using app = createTestApp('full', { broker: redis.url })
  const findings = await examine(app)
  const failed = new Map(findings.flatMap((one) => (one.passed ? [] : [[one.check, one]])))
  expect(failed.get('server settings')).toMatchObject({
    detail: expect.stringMatching(/^Redis is full \(.* of 1B\) and refuses new tasks$/),
    advice: expect.stringContaining('raise maxmemory'),
  })
  expect(failed.get('clock')).toMatchObject({
    detail: expect.stringContaining('not compared: '),
    advice: 'See what the server said.',
  })
})

test('a queue that only a route names, and that nobody reads, is found by doctor and by the check of a deployment', async () => {
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': `import { Lovage } from 'lovage'
      export const app = new Lovage('shop', { taskRoutes: [['mail.*', { queue: 'mail' }]] })`,
  })
  for (const words of [['doctor'], ['check', '--deploy']]) {
    const { code, stdout } = await lovage(words, { cwd: shop.folder })
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^FAIL {2}worker on mail: no worker consumes it\n {6}Start one: lovage worker -Q mail$/m,
    )
  }
})

test('a default queue that no task uses needs no worker, until something waits in it', async () => {
  await using app = createTestApp('mail', { broker: 'memory://only-mail' })
  app.task({ name: 'send', queue: 'mail', run: () => 1 })
  await using _worker = await startTestWorker(app, { queues: ['mail'] })
  const readers = async () =>
    [...(await examine(app)), ...(await checkDeploy(coreOf(app)))].flatMap(({ check, ...found }) =>
      check.startsWith('worker on ') ? [[check, 'passed' in found ? found.passed : found.verdict]] : [],
    )
  expect(await readers()).toEqual([
    ['worker on mail', true],
    ['worker on mail', 'pass'],
  ])
  await app.sendTask('of.another.program')
  expect(await readers()).toEqual([
    ['worker on celery', false],
    ['worker on mail', true],
    ['worker on celery', 'fail'],
    ['worker on mail', 'pass'],
  ])
})

test('a worker that is blocked is told from none', async () => {
  await using redis = await startRedis()
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': `import { Lovage } from 'lovage'
      export const app = new Lovage('shop', { brokerLease: 600 })
      app.task({ name: 'hang', run: () => { for (;;); } })`,
  })
  const env = { CELERY_BROKER_URL: redis.url }
  await using worker = new Command(['worker', '-l', 'info'], { cwd: shop.folder, env })
  await worker.says(/ready/)
  await lovage(['call', 'hang'], { cwd: shop.folder, env })
  await worker.says(/blocked_ms/)
  const { code, stdout } = await lovage(['doctor'], { cwd: shop.folder, env })
  expect(code).toBe(1)
  expect(stdout).toMatch(
    /^FAIL {2}worker on celery: a worker holds it and does not answer\n {6}.*blocked_ms.*SIGKILL/m,
  )
  worker.signal('SIGKILL')
}, 60_000)

test('a worker whose clock is wrong is named', async () => {
  const broker = 'memory://wrong-clock'
  await using app = createTestApp('right', { broker })
  const off = { ...systemClock, now: () => systemClock.now() + HOUR_MS }
  await using wrong = new Lovage('wrong', { broker, env: {}, clock: off })
  await using _worker = await startWorker(wrong, { hostname: 'fast@box', queues: ['celery'] })
  expect((await examine(app)).find(({ check }) => check === 'clocks of workers')).toMatchObject({
    passed: false,
    detail: expect.stringMatching(/^the clock of fast@box is 3[56]\d\d s ahead of this machine's$/),
    advice: expect.stringContaining('NTP'),
  })
})

test('lovage doctor says what is wrong and what to do', { timeout: 30_000 }, async () => {
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': `import { Lovage } from 'lovage'
      export const app = new Lovage('shop', { taskRoutes: { 'shop.oder': 'orders' } })
      const run = () => { throw new Error('it is asleep') }
      app.deployChecks.push({ name: 'warehouse', run, advice: 'Wake it.' })`,
  })
  const { code, stdout } = await lovage(['doctor'], { cwd: shop.folder })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^FAIL {2}settings: taskRoutes names shop\.oder/m)
  expect(stdout).toMatch(/^PASS {2}broker: sqlite .* answers$/m)
  expect(stdout).toMatch(
    /^FAIL {2}worker on celery: no worker consumes it\n {6}Start one: lovage worker -Q celery$/m,
  )
  const away = await lovage(['-b', 'redis://:hunter2@127.0.0.1:1', 'doctor'], { cwd: shop.folder })
  expect(away.stdout).toMatch(/^FAIL {2}broker: /m)
  expect(away.stdout).toMatch(/^FAIL {2}warehouse: it is asleep\n {6}Wake it\.$/m)
  expect(away.stdout + away.stderr).not.toContain('hunter2')
})

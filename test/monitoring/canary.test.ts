import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { getQueueHealth, Lovage } from 'lovage'
import { getActiveTasks, getDeadLetterTasks, getTaskStatus } from 'lovage/compat'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../../packages/lovage/src/kernel/index.js'
import { lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { freePort, type RedisServer, startRedis } from '../servers.js'

const patience = { timeoutMs: 40_000 }
/** What must be found nowhere but in messages: each says where it was put. */
const URL_CANARY = 'canary-of-the-url'
const SETTING_CANARY = 'canary-of-a-setting'
const CANARY = /canary-of-[\w-]+/g

let redis: RedisServer
let url: string
beforeAll(async () => {
  redis = await startRedis({ password: URL_CANARY })
  url = redis.url
})
afterAll(() => redis?.stop())

const SOURCE = (broker: string, port: number) => `
  import { Lovage, Reject, tracing } from 'lovage'
  export { startWorker } from 'lovage'
  export const app = new Lovage('canary', {
    broker: ${JSON.stringify(broker)},
    backend: ${JSON.stringify(broker)},
    resultExtended: true,
    workerMetricsPort: ${port},
    middleware: [tracing()],
    securityKeyPassword: ${JSON.stringify(SETTING_CANARY)},
    brokerTransportOptions: { sentinelKwargs: { password: ${JSON.stringify(SETTING_CANARY)} } },
    beatSchedule: { nightly: { task: 'named', schedule: 86_400, kwargs: { user: 'ada', password: ${JSON.stringify(SETTING_CANARY)} } } },
  })
  const open = (value) => { throw new TypeError('cannot use ' + value, { cause: new Error('because of ' + value) }) }
  export const tasks = [
    app.task({ name: 'named', params: ['user', 'password'], deadLetter: 'failures', run: (_ctx, user, password) => open(password) }),
    app.task({ name: 'retried', params: ['user', 'api_key'], autoretryFor: [TypeError], retryOptions: { countdown: 0, maxRetries: 1 },
      deadLetter: 'failures', run: (_ctx, user, key) => open(key) }),
    app.task({ name: 'explicit', params: ['card', 'sum'], redact: ['card'], deadLetter: 'failures', run: (_ctx, card) => open(card) }),
    app.task({ name: 'explicit.result', params: ['card'], redact: ['card'], run: (_ctx, card) => 'charged ' + card }),
    app.task({ name: 'whole', redact: true, run: (_ctx, secret) => ({ echoed: secret }) }),
    app.task({ name: 'rejected', params: ['token'], run: (_ctx, token) => { throw new Reject('no use for ' + token) } }),
    app.task({ name: 'header', deadLetter: 'failures', run: (ctx) => open(ctx.headers.authorization) }),
    app.task({ name: 'waiting', params: ['password'], run: (ctx) => new Promise((resolve) => ctx.signal.addEventListener('abort', resolve)) }),
  ]`

test('a secret in an argument, a header, a URL or a setting is seen nowhere', {
  timeout: 120_000,
}, async () => {
  const port = await freePort()
  using project = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': SOURCE(url, port) })
  const seen = new Map<string, string>()
  const see = (where: string, what: unknown): void =>
    void seen.set(where, (seen.get(where) ?? '') + (typeof what === 'string' ? what : JSON.stringify(what)))

  const spans = new InMemorySpanExporter()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  const logger = createLogger({ level: 'debug', destination: { write: (line: string) => see('log', line) } })
  const { app: defined, startWorker } = (await import(project.path('app.mjs'))) as Pick<
    typeof import('lovage'),
    'startWorker'
  > & { app: Lovage }
  defined.logger = logger
  const watcher = new Lovage('watcher', { broker: url, backend: url, env: {}, logger })
  const ending = new AbortController()
  const kinds = new Set<string>()
  const watching = (async () => {
    for await (const event of watcher.control.events({ signal: ending.signal })) {
      kinds.add(event.type)
      see('events', event)
    }
  })()
  const worker = await startWorker(defined)
  try {
    await until(
      async () => Object.keys(await watcher.control.enableEvents({ timeout: 0.5 })).length > 0,
      patience,
    )
    const send = (name: string, args: readonly unknown[], options: object = {}) =>
      defined.sendTask(name, { args, ...options })
    const failing = await Promise.all([
      send('named', ['ada', 'canary-of-an-argument']),
      send('named', [], { kwargs: { user: 'ada', password: 'canary-of-a-named-argument' } }),
      send('named', [{ name: 'ada', token: 'canary-of-a-nested-field' }, 'canary-of-an-argument']),
      send('retried', ['ada', 'canary-of-a-retried-task']),
      send('explicit', ['canary-of-a-redacted-argument', 12]),
      send('header', [], { headers: { authorization: 'canary-of-a-header' } }),
      send('rejected', ['canary-of-a-rejected-task']),
      send('nobody.knows', [], { kwargs: { password: 'canary-of-an-unknown-task' } }),
    ])
    const fine = await Promise.all([
      send('explicit.result', ['canary-of-a-result']),
      send('whole', ['canary-of-a-whole-task']),
    ])
    const waiting = await send('waiting', ['canary-of-a-waiting-task'])
    for (const result of fine) await result.get({ timeout: 30 })
    const queue = defined.conf.taskDefaultQueue
    await until(
      async () => (await defined.deadLetters.list({ queue })).items.length === failing.length,
      patience,
    )
    await until(() => worker.active.length === 1, patience)

    see('active', await getActiveTasks(watcher))
    see('health', await getQueueHealth(defined))
    see('dead letters', await getDeadLetterTasks(defined))
    for (const result of [...failing, waiting]) see('status', await getTaskStatus(defined, result.id))
    for (const path of ['/metrics', '/health', '/health/ready'])
      see(path, await (await fetch(`http://127.0.0.1:${port}${path}`)).text())
    const [letter] = (await defined.deadLetters.list({ task: 'named' })).items
    const commands = [
      ['report'],
      ['beat', '--list'],
      ['schedule', 'list', '--json'],
      ['doctor'],
      ['health', '--json'],
      ['inspect', 'conf'],
      ['inspect', 'active'],
      ['inspect', 'stats'],
      ['status'],
      ['queues'],
      ['dead', 'list'],
      ['dead', 'list', '--json'],
      ['dead', 'stats'],
      ['dead', 'show', letter?.id ?? ''],
      ['dead', 'show', letter?.id ?? '', '--json'],
    ]
    for (const command of commands) {
      const { stdout, stderr } = await lovage(['-A', 'app.mjs', ...command], { cwd: project.folder })
      see(command.join(' '), stdout + stderr)
    }
    // A wrong password is not told either, when nobody lets it in.
    const wrong = url.replace(URL_CANARY, 'canary-of-a-wrong-password')
    const { stderr } = await lovage(['-b', wrong, 'queues'], { cwd: project.folder })
    see('an error', stderr)
    await until(
      () => kinds.has('task-failed') && kinds.has('task-received') && kinds.has('task-succeeded'),
      patience,
    )
  } finally {
    await worker.stop('cold')
    ending.abort()
    await watching
    await Promise.all([watcher.close(), defined.close()])
  }
  see(
    'traces',
    spans
      .getFinishedSpans()
      .map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  )
  trace.disable()
  context.disable()

  const found = [...seen].flatMap(([where, text]) =>
    [...new Set(text.match(CANARY))].map((canary) => `${where}: ${canary}`),
  )
  expect(found).toEqual([])
  // It was looked into something.
  for (const where of ['log', 'events', 'dead show', 'inspect conf', 'traces', 'status', 'active'])
    expect([...seen].find(([key]) => key.startsWith(where))?.[1].length, where).toBeGreaterThan(100)
  expect(seen.get('log')).toContain('cannot use ********')
})

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Lovage, Reject, type Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command } from '../cli/command.js'
import { CommandInTerminal } from '../cli/terminal.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

let folder: string
let redis: RedisServer
let app: Lovage
let worker: Worker
let open: (() => void)[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-view-'))
  redis = await startRedis()
})
afterAll(async () => {
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})
beforeEach(async () => {
  open = []
  app = createTestApp('ts', { broker: redis.url, backend: redis.url, taskDefaultQueue: 'ts' })
  app.task({ name: 'ts.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
  app.task({
    name: 'ts.fail',
    run: () => {
      throw new RangeError('no \x1b[2Jsuch thing')
    },
  })
  app.task({
    name: 'ts.hold',
    run: (ctx) =>
      new Promise<void>((resolve, reject) => {
        open.push(resolve)
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
      }),
  })
  app.task({
    name: 'ts.again',
    maxRetries: 1,
    run: (ctx) => {
      if (ctx.retries === 0) throw ctx.retry({ countdown: 0, cause: new Error('not yet') })
    },
  })
  app.task({
    name: 'ts.refuse',
    run: () => {
      throw new Reject('not for me')
    },
  })
  worker = await startTestWorker(app, { hostname: 'ts@box', concurrency: 4 })
})
afterEach(async () => {
  for (const finish of open) finish()
  await worker?.stop()
  await app?.close()
})

const view = () =>
  new CommandInTerminal(['-b', redis.url, 'events', '-t', '5', '--destination', 'ts@box'], { cwd: folder })

describe('the live view', () => {
  test('shows tasks and workers as they change, on 80 columns and 24 rows, and obeys its keys', {
    timeout: 120_000,
  }, async () => {
    await using terminal = view()
    await terminal.shows(/Workers: ts@box/)
    const added = await app.sendTask('ts.add', { args: [20, 22] })
    await terminal.shows(new RegExp(`${added.id.slice(0, 12)}.*ts\\.add.*ts@box.*SUCCESS`))
    expect(terminal.screen).toHaveLength(24)
    for (const row of terminal.screen) expect(row.length).toBeLessThanOrEqual(80)
    expect(terminal.screen[0]).toMatch(/lovage events {2}redis/)
    expect(terminal.screen.at(-1)).toMatch(/j\/k move.*q quit/)

    // The newest is first; j selects it.
    terminal.type('j')
    terminal.type('i')
    await terminal.shows(new RegExp(`Task ${added.id}[\\s\\S]*args: +\\(20, 22\\)[\\s\\S]*succeeded:`))
    terminal.type('x')
    await terminal.shows(/UUID +TASK/)
    terminal.type('r')
    await terminal.shows(new RegExp(`Result of ${added.id}\\s+42`))
    terminal.type(' ')

    const failed = await app.sendTask('ts.fail')
    await terminal.shows(/ts\.fail.*FAILURE/)
    // What is selected stays selected: one up is the newest.
    terminal.type('k')
    terminal.type('t')
    await terminal.shows(new RegExp(`Traceback of ${failed.id}[\\s\\S]*RangeError: no \\?\\[2Jsuch thing`))
    terminal.type('\x1b[B')
    terminal.type('\r')
    await terminal.shows(/FAILURE 1|failure 1/)

    const held = await app.sendTask('ts.hold')
    await terminal.shows(/ts\.hold.*STARTED/)
    terminal.type('\x1b[A')
    terminal.type('c')
    await terminal.shows(/Revoke [0-9a-f-]{36}\? y: yes/)
    terminal.type('n')
    await terminal.shows(/q quit *$/)
    terminal.type('c')
    await terminal.shows(/Revoke [0-9a-f-]{36}\?/)
    terminal.type('t')
    await terminal.shows(/ts\.hold.*REVOKED/)
    await expect(held.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })

    terminal.type('l')
    await terminal.shows(/How often may ts\.hold run/)
    terminal.type('10x\x7f/m\r')
    await terminal.shows(/ts\.hold may run 10\/m/)
    await until(async () =>
      (await (await coreOf(app).coordination()).list('rates')).some(
        ({ key, value }) => key === 'ts.hold' && value === '10/m',
      ),
    )

    terminal.type('w')
    await terminal.shows(/WORKER +STATE +ACTIVE[\s\S]*ts@box +alive/)
    terminal.type('j')
    terminal.type('i')
    await terminal.shows(/Worker ts@box[\s\S]*software: +lovage[\s\S]*"total"/)
    terminal.resize(12, 50)
    await until(() => terminal.screen.length === 12 && terminal.screen.every((row) => row.length <= 50), {
      timeoutMs: 20_000,
      what: 'a smaller screen',
    })
    terminal.type('\x1b')
    await terminal.shows(/WORKER/)
    terminal.type('q')
    expect(await terminal.ended).toEqual({ code: 0, restored: true })
    expect(terminal.written.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true)
    // Made silent again.
    expect(await app.control.disableEvents({ destination: 'ts@box', timeout: 20 })).toEqual({
      'ts@box': { ok: 'task events already disabled' },
    })
  })

  test.each([
    ['Ctrl+C', (terminal: CommandInTerminal) => terminal.type('\x03')],
    ['TERM', (terminal: CommandInTerminal) => terminal.signal('SIGTERM')],
    ['HUP', (terminal: CommandInTerminal) => terminal.signal('SIGHUP')],
  ])('gives the terminal back after %s', { timeout: 60_000 }, async (_how, end) => {
    await using terminal = view()
    await terminal.shows(/Workers: ts@box/)
    end(terminal)
    expect(await terminal.ended).toEqual({ code: 0, restored: true })
    expect(terminal.written.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true)
  })
})

test('pictures are taken to a file: nodes, and the tasks that have changed since the one before', async () => {
  const file = join(folder, 'pictures.jsonl')
  await using command = new Command(
    ['-b', redis.url, 'events', '--camera', file, '--frequency', '0.1', '--destination', 'ts@box', '-t', '5'],
    { cwd: folder },
  )
  const pictures = () => {
    try {
      return readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    } catch {
      return []
    }
  }
  await until(() => pictures().some(({ workers }) => workers.length === 1), { timeoutMs: 20_000 })
  const result = await app.sendTask('ts.add', { args: [1, 2] })
  const withTask = () =>
    pictures().filter(({ tasks }) =>
      tasks.some(({ id, state }: { id: string; state: string }) => id === result.id && state === 'SUCCESS'),
    )
  await until(() => withTask().length > 0, { timeoutMs: 20_000 })
  const taken = pictures().length
  await until(() => pictures().length > taken + 2)
  expect(withTask()).toHaveLength(1)
  expect(pictures().at(-1)).toMatchObject({
    counts: { SUCCESS: 1 },
    workers: [{ hostname: 'ts@box' }],
  })
  command.signal('SIGTERM')
  expect(await command.exited).toBe(0)
})

describe('lines of events', () => {
  let python: PythonCelery
  beforeAll(async () => {
    python = await pythonCelery({
      broker: redis.url,
      backend: redis.url,
      source: `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y
`,
      args: ['-P', 'solo', '-Q', 'py', '-E'],
    })
  })
  afterAll(() => python?.stop())

  test('are Celery’s own, for its workers and for ours', { timeout: 120_000 }, async () => {
    await app.control.enableEvents({ destination: 'ts@box', timeout: 20 })
    await using ours = new Command(['-b', redis.url, 'events', '--dump'], { cwd: folder })
    const theirs = python.follow('events', '--dump')
    try {
      // Both listen when both have shown a heartbeat of each node.
      for (const node of ['ts@box', python.nodeName])
        for (const shown of [() => ours.stdout, () => theirs.stdout])
          await until(() => shown().includes(`${node} [`), { timeoutMs: 30_000, what: `a sign of ${node}` })
      await app.sendTask('ts.add', { args: [1, 2] })
      await app.sendTask('ts.fail')
      await app.sendTask('py.add', { args: [3, 4], queue: 'py' })
      await app.sendTask('ts.again')
      await app.sendTask('ts.refuse')
      await app.sendTask('ts.add', { args: [1, 2], expires: new Date(Date.now() - 1000) })
      const running = await app.sendTask('ts.hold')
      await until(() => open.length > 0, { timeoutMs: 20_000 })
      await running.revoke({ terminate: true })
      // When a line came is each reader's own, and our numbers have no `.0` that JSON does not need.
      const tasks = (text: string) =>
        text
          .split('\n')
          .filter((line) => /\] task /.test(line))
          // Ours prints nothing that would move the cursor.
          .map((line) => line.replace(/local_received=[\d.]+/, 'local_received=…').replace('\x1b', '?'))
          .sort()
      const count = (text: string, ...kinds: readonly string[]) =>
        tasks(text).filter((line) => kinds.some((kind) => line.includes(`] task ${kind}`))).length
      const isAll = (text: string) =>
        count(text, 'succeeded', 'failed') === 5 &&
        count(text, 'retried') === 1 &&
        count(text, 'revoked') === 2
      await until(() => isAll(ours.stdout) && isAll(theirs.stdout), { timeoutMs: 30_000 })
      expect(tasks(ours.stdout)).toEqual(tasks(theirs.stdout))
      expect(ours.stdout.split('\n')[0]).toBe('-> evdump: starting capture...')
      expect(ours.stdout).toMatch(/ts@box \[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\] heartbeat: active=0, /)
    } finally {
      await theirs.stop()
    }
    ours.signal('SIGINT')
    expect(await ours.exited).toBe(0)
  })
})

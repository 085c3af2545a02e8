import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { freePort, startRedis } from '../servers.js'
import { Command, lovage } from './command.js'

const APP = `
import { appendFileSync, existsSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop')
const note = (text: string) => appendFileSync(new URL('./runs.txt', import.meta.url), text + '\\n')
export const add = app.task({ name: 'shop.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => { note('add'); return x + y } })
export const fail = app.task({ name: 'shop.fail', run: () => { throw new RangeError('no such thing') } })
export const slow = app.task({
  name: 'shop.slow',
  run: async (ctx, seconds: number) => {
    note('begin ' + ctx.id)
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    note('end ' + ctx.id)
  },
})
export const gated = app.task({
  name: 'shop.gated',
  run: async (ctx) => {
    note('begin ' + ctx.id)
    while (!existsSync(new URL('./gate', import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 20))
    note('end ' + ctx.id)
  },
})`

function makeShop(more: Readonly<Record<string, string>> = {}) {
  return makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP, ...more })
}

const runs = (folder: string): string =>
  existsSync(`${folder}/runs.txt`) ? readFileSync(`${folder}/runs.txt`, 'utf8') : ''

const call = async (cwd: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await lovage(['-A', 'app', 'call', ...args], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

describe('a worker', () => {
  test('runs tasks, and logs each that is done with the keys that log searches know', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using worker = new Command(['worker', '-A', 'app', '--loglevel=INFO', '--hostname', 'mailer@%h'], {
      cwd,
    })
    await worker.says(/ ready/)
    const id = await call(cwd, 'shop.add', '--args', '[2, 3]')
    const failed = await call(cwd, 'shop.fail')
    expect(await lovage(['-A', 'app', 'result', id, '--wait', '10'], { cwd })).toMatchObject({
      code: 0,
      stdout: '5',
    })
    const { code, stderr } = await lovage(['-A', 'app', 'result', failed, '--wait', '10'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toBe(`${failed} is FAILURE: RangeError: no such thing`)
    const traceback = await lovage(['-A', 'app', 'result', failed, '--traceback'], { cwd })
    expect(traceback.stdout).toContain('app.ts:7')

    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
    const done = worker.log.filter((line) => line.execution_time !== undefined)
    expect(done).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        task_id: id,
        task_name: 'shop.add',
        execution_time: expect.stringMatching(/^\d+\.\d\ds$/),
        retry_count: 0,
        state: 'SUCCESS',
        msg: expect.stringContaining('succeeded'),
      },
      expect.objectContaining({
        task_id: failed,
        state: 'FAILURE',
        traceback: expect.stringContaining('RangeError'),
      }),
    ])
    expect(worker.log[0]).toMatchObject({ hostname: `mailer@${hostname()}`, app: 'shop', queues: ['celery'] })
  })

  test('consumes the queues of -Q alone, and those of the settings without those of -X', async () => {
    using shop = makeShop({
      'queues.ts':
        "import { Lovage } from 'lovage'\nexport const app = new Lovage('q', { taskQueues: ['a', 'b', 'c'] })",
    })
    const cwd = shop.folder
    const queuesOf = async (...args: string[]): Promise<unknown> => {
      await using worker = new Command(['-A', 'queues', 'worker', '-l', 'info', ...args], { cwd })
      await worker.says(/ ready/)
      return worker.log.find((line) => String(line.msg).endsWith('ready'))?.queues
    }
    expect(await queuesOf()).toEqual(['a', 'b', 'c', 'celery'])
    expect(await queuesOf('-Q', 'b,a', '--queues=z')).toEqual(['b', 'a', 'z'])
    expect(await queuesOf('-X', 'b,celery')).toEqual(['a', 'c'])
    const misspelt = await lovage(['-A', 'queues', 'worker', '-X', 'd'], { cwd })
    expect(misspelt).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('-X names d; the queues are'),
    })
  })

  test('imports the modules of -I, which may be all that names the app', async () => {
    using shop = makeShop({
      'tasks/webhook.ts':
        "import { app } from '../app.js'\nexport { app }\napp.task({ name: 'hook.send', run: () => 1 })",
    })
    const cwd = shop.folder
    for (const args of [
      ['-A', 'app', 'worker', '-I', 'tasks.webhook'],
      ['worker', '-I', 'tasks/webhook'],
    ]) {
      await using worker = new Command([...args, '-l', 'info'], { cwd })
      await worker.says(/ ready/)
      expect(worker.log[0]?.tasks).toContain('hook.send')
    }
  })

  test('warns of a route that names no task, and empties its queues first when asked to', async () => {
    using shop = makeShop({
      'typo.ts':
        "import { app } from './app.js'\nexport { app }\napp.configFromObject({ task_routes: { 'shop.ad': 'x' } })",
    })
    const cwd = shop.folder
    await call(cwd, 'shop.add', '-a', '[1, 1]')
    await using worker = new Command(['-A', 'typo', 'worker', '--purge'], { cwd })
    await worker.says(/purged 1 message at/)
    await worker.says(
      /taskRoutes names shop.ad, but no such task is registered here. Did you mean shop.add\?/,
    )
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
    expect(runs(cwd)).toBe('')
  })
})

describe('a worker that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes what runs and leaves what waits',
    async (signal) => {
      using shop = makeShop()
      const cwd = shop.folder
      const [first, second] = [
        await call(cwd, 'shop.slow', '-a', '[0.5]'),
        await call(cwd, 'shop.slow', '-a', '[0]'),
      ]
      await using worker = new Command(['-A', 'app', 'worker', '-l', 'info', '-c', '1'], { cwd })
      await until(() => runs(cwd).includes(`begin ${first}`))
      worker.signal(signal)
      expect(await worker.exited).toBe(0)
      expect(worker.stderr).toContain('warm shutdown: waiting for 1 running task,')
      expect(runs(cwd)).toBe(`begin ${first}\nend ${first}\n`)
      const { stdout } = await lovage(['-A', 'app', 'queues', '--json'], { cwd })
      expect(JSON.parse(stdout)).toMatchObject([{ name: 'celery', ready: 1, unacked: 0, dead: 0 }])
      await using _again = new Command(['-A', 'app', 'worker'], { cwd })
      await until(() => runs(cwd).includes(`end ${second}`))
    },
  )

  test.each(['SIGQUIT', 'SIGINT SIGINT'])(
    'by %s hands back what runs at once, and it runs again',
    async (given) => {
      // The titles are the signals.
      const signals = given.split(' ') as NodeJS.Signals[]
      using shop = makeShop()
      const cwd = shop.folder
      await using worker = new Command(['-A', 'app', 'worker', '-l', 'info'], { cwd })
      const id = await call(cwd, 'shop.slow', '-a', '[20]')
      await until(() => runs(cwd).includes(`begin ${id}`))
      for (const [index, signal] of signals.entries()) {
        worker.signal(signal)
        await worker.says(/(warm|cold) shutdown/, index + 1)
      }
      expect(await worker.exited).toBe(1)
      expect(worker.stderr).toContain('cold shutdown: 1 running task returns to its queue')
      const { stdout } = await lovage(['-A', 'app', 'queues', '--json'], { cwd })
      expect(JSON.parse(stdout)).toMatchObject([{ name: 'celery', ready: 1, unacked: 0 }])
      await using _again = new Command(['-A', 'app', 'worker'], { cwd })
      await until(() => runs(cwd).split(`begin ${id}`).length === 3)
    },
  )

  test('before its broker answers, stops', async () => {
    using shop = makeShop()
    await using worker = new Command(
      ['-A', 'app', '-b', `redis://127.0.0.1:${await freePort()}/0`, 'worker', '-l', 'info'],
      { cwd: shop.folder },
    )
    await worker.says(/Trying again in 2 s/)
    worker.signal('SIGINT')
    expect(await worker.exited).toBe(0)
  })
})

describe('a worker whose Redis is down', () => {
  test('says so, waits, and works when Redis has come', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using redis = await startRedis({ password: 'secret' })
    const url = `${redis.url}/0`
    await redis.kill()
    await using worker = new Command(['-A', 'app', '-b', url, 'worker', '-l', 'info'], { cwd })
    await worker.says(/Cannot reach the broker: .*ECONNREFUSED.* Trying again in 2 s \(1\/100\)\./)
    await redis.restart()
    await worker.says(/ ready/)
    expect(worker.stderr).not.toContain('secret')
    const id = await lovage(['-A', 'app', '-b', url, 'call', 'shop.add', '-a', '[1, 2]'], { cwd })
    const { stdout } = await lovage(['-A', 'app', '-b', url, 'result', id.stdout, '--wait', '10'], { cwd })
    expect(stdout).toBe('3')

    await redis.kill()
    await worker.says(
      /the broker connection failed; the worker keeps trying: The connection to Redis was lost/,
    )
    await redis.restart()
    await worker.says(/the broker connection is back after \d+\.\d s/)
    // Where in our code it was noticed would hide the rest.
    expect(worker.stderr).not.toMatch(/"stack"/)
  })

  test.each(['async', 'prefork'])(
    'ends all the same when it is told to (%s), and what it held runs again when Redis is back',
    { timeout: 90_000 },
    async (pool) => {
      using shop = makeShop()
      const cwd = shop.folder
      await using redis = await startRedis({ appendonly: 'always' })
      const url = `${redis.url}/0`
      const env = { CELERY_WORKER_SHUTDOWN_TIMEOUT: '1', CELERY_BROKER_LEASE: '2' }
      const args = ['-A', 'app', '-b', url, 'worker', '-l', 'info', '-P', pool, '-c', '2']
      const started = async (times: number): Promise<unknown> =>
        until(() => runs(cwd).split('begin').length > times, { what: 'runs that began', timeoutMs: 30_000 })
      const ids: string[] = []
      {
        await using worker = new Command(args, { cwd, env })
        // One that ends while Redis is away, and one that does not end in time.
        for (const task of [['shop.gated'], ['shop.slow', '-a', '[60]']])
          ids.push((await lovage(['-A', 'app', '-b', url, 'call', ...task], { cwd })).stdout)
        await started(2)
        await redis.kill()
        await worker.says(/the broker connection failed/)
        worker.signal('SIGTERM')
        expect(await worker.exited).toBe(0)
        expect(worker.stderr).toContain('unsettled messages return to their queues when their leases expire')
        expect(worker.stderr).not.toContain('nobody handled it')
      }
      await redis.restart()
      await using worker = new Command(args, { cwd, env })
      await until(() => ids.every((id) => runs(cwd).split(`begin ${id}`).length > 2), {
        what: `both again; runs were\n${runs(cwd)}`,
        timeoutMs: 30_000,
      })
      worker.signal('SIGKILL')
    },
  )

  test('gives up at once when the settings say so', async () => {
    using shop = makeShop()
    const { code, stderr } = await lovage(
      ['-A', 'app', '-b', `redis://127.0.0.1:${await freePort()}/0`, 'worker'],
      { cwd: shop.folder, env: { CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP: 'false' } },
    )
    expect(code).toBe(69)
    expect(stderr).toContain('ECONNREFUSED')
  })
})

describe('a log file', () => {
  test('is opened anew on USR2, and when it was moved away', async () => {
    using shop = makeShop()
    const file = (name: string) => (existsSync(shop.path(name)) ? readFileSync(shop.path(name), 'utf8') : '')
    const args = ['-A', 'app', 'worker', '-l', 'info', '-n', 'w1@box', '--logfile', 'log/%n.log']
    await using worker = new Command(args, { cwd: shop.folder })
    await until(() => file('log/w1.log').includes('ready'))
    renameSync(shop.path('log/w1.log'), shop.path('log/w1.log.1'))
    worker.signal('SIGUSR2')
    await until(() => file('log/w1.log').includes('reopened'))
    renameSync(shop.path('log/w1.log'), shop.path('log/w1.log.2'))
    await until(() => existsSync(shop.path('log/w1.log')))
    await call(shop.folder, 'shop.add', '-a', '[1, 2]')
    await until(() => file('log/w1.log').includes('succeeded'))
    expect(worker.stderr).toBe('')
  })
})

describe('a pid file', () => {
  test('keeps a second worker from starting, and is taken over from a dead one', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const args = ['-A', 'app', 'worker', '-l', 'info', '--pidfile', 'w.pid']
    {
      await using worker = new Command(args, { cwd })
      await worker.says(/ ready/)
      expect(readFileSync(shop.path('w.pid'), 'utf8')).toBe(`${worker.pid}\n`)
      const second = await lovage(args, { cwd })
      expect(second).toMatchObject({
        code: 78,
        stderr: expect.stringContaining(`process ${worker.pid} is already running`),
      })
      worker.signal('SIGKILL')
      await worker.exited
    }
    expect(existsSync(shop.path('w.pid'))).toBe(true)
    await using worker = new Command(args, { cwd })
    await worker.says(/ ready/)
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
    expect(existsSync(shop.path('w.pid'))).toBe(false)
  })
})

describe('a worker in the background', () => {
  test('is told by its process id when it stands, and why not when it does not', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const args = [
      '-A',
      'app',
      'worker',
      '-D',
      '-l',
      'info',
      '-f',
      'w.log',
      '--pidfile',
      'w.pid',
      '-n',
      'bg@box',
    ]
    const { code, stdout } = await lovage(args, { cwd })
    expect(code).toBe(0)
    const pid = Number(/^bg@box is running as process (\d+), logging to w\.log$/.exec(stdout)?.[1])
    try {
      await until(() => readFileSync(shop.path('w.log'), 'utf8').includes('bg@box ready'))
      expect(await lovage(args, { cwd })).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('is already running'),
      })
    } finally {
      process.kill(pid, 'SIGTERM')
    }
    await until(() => !existsSync(shop.path('w.pid')))
    expect(await lovage(['-A', 'app', 'worker', '-D'], { cwd })).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--logfile'),
    })
  })
})

describe('dev', () => {
  test('starts the worker again at a change, also after one that did not compile', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using dev = new Command(['-A', 'app', 'dev'], { cwd })
    await dev.says(/ ready/)
    const slow = await call(cwd, 'shop.slow', '-a', '[0.3]')
    await until(() => runs(cwd).includes(`begin ${slow}`))
    writeFileSync(shop.path('app.ts'), APP.replaceAll('x + y', 'x * y'))
    await dev.says(/app.ts changed/)
    await dev.says(/ ready/, 2)
    expect(runs(cwd)).toContain(`end ${slow}`)
    const id = await call(cwd, 'shop.add', '-a', '[3, 4]')
    expect((await lovage(['-A', 'app', 'result', id, '--wait', '10'], { cwd })).stdout).toBe('12')

    writeFileSync(shop.path('app.ts'), 'const = nothing')
    await dev.says(/the worker has exited/)
    writeFileSync(shop.path('app.ts'), APP)
    await dev.says(/ ready/, 3)
    dev.signal('SIGINT')
    expect(await dev.exited).toBe(0)
  })
})

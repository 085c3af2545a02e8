import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'
import { Command, lovage, MAIN } from './command.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage, SoftTimeLimitExceeded } from 'lovage'
export const app = new Lovage('shop', { brokerLease: 4, workerSoftShutdownTimeout: Number(process.env.SOFT ?? 0), workerShutdownTimeout: Number(process.env.SHUTDOWN ?? 30) })
const note = (text: string) => appendFileSync(new URL('./runs.txt', import.meta.url), text + '\\n')
export const add = app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })
export const where = app.task({ name: 'shop.where', run: (ctx) => ctx.hostname + ' ' + process.pid })
export const slow = app.task({
  name: 'shop.slow',
  run: async (ctx, seconds: number) => {
    note('begin ' + ctx.id + ' ' + process.pid)
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    note('end ' + ctx.id)
  },
})
export const ticks = app.task({
  name: 'shop.ticks',
  run: async (_ctx, seconds: number) => {
    const end = Date.now() + seconds * 1000
    while (Date.now() < end) {
      note('tick ' + process.pid + ' ' + process.hrtime.bigint())
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  },
})
export const busy = app.task({ name: 'shop.busy', run: (ctx) => { note('begin ' + ctx.id + ' ' + process.pid); for (;;); } })
`
const makeShop = () => makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })
const runs = (folder: string): string =>
  existsSync(`${folder}/runs.txt`) ? readFileSync(`${folder}/runs.txt`, 'utf8') : ''

const call = async (cwd: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await lovage(['-A', 'app', 'call', ...args], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}
const resultOf = async (cwd: string, id: string) =>
  lovage(['-A', 'app', 'result', id, '--wait', '15'], { cwd })

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=,args=', '--ppid', String(pid)])
  return stdout
    .split('\n')
    .flatMap((line) => (/^\s*(\d+) .*celery.*worker/.test(line) ? [Number.parseInt(line, 10)] : []))
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a prefork worker', () => {
  test('is what auto means when there is a hard limit, and says so', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using worker = new Command(
      ['-A', 'app', 'worker', '-l', 'info', '-c', '2', '--time-limit=1', '--soft-time-limit', '0.5'],
      { cwd },
    )
    await worker.says(/2 tasks at once \(auto: taskTimeLimit is set\)/)
    await worker.says(/ ready/)
    expect(await childrenOf(worker.pid)).toHaveLength(2)
    const id = await call(cwd, 'shop.busy')
    expect(await resultOf(cwd, id)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('TimeLimitExceeded: ran longer than 1 s'),
    })
    const sum = await call(cwd, 'shop.add', '-a', '[1, 2]')
    expect((await resultOf(cwd, sum)).stdout).toBe('3')
  })

  test('obeys TERM alone: a signal to its whole group lets its children finish', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using worker = new Command(['-A', 'app', 'worker', '-P', 'prefork', '-c', '2'], { cwd })
    const id = await call(cwd, 'shop.slow', '-a', '[0.5]')
    await until(() => runs(cwd).includes(`begin ${id}`))
    const children = await childrenOf(worker.pid)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      for (const pid of children) process.kill(pid, signal)
    process.kill(-worker.pid, 'SIGTERM')
    expect(await worker.exited).toBe(0)
    expect(runs(cwd)).toContain(`end ${id}`)
    await until(() => !children.some(isAlive))
  })

  test.each([
    ['TERM, after its patience', 'SIGTERM'],
    ['QUIT, at once', 'SIGQUIT'],
  ] as const)(
    'that hands a task back on %s has ended it before: it never runs in two places',
    async (_when, signal) => {
      using shop = makeShop()
      const cwd = shop.folder
      const env = { SHUTDOWN: '0.3' }
      const args = ['-A', 'app', 'worker', '-l', 'info', '-P', 'prefork', '-c', '1']
      await using first = new Command(args, { cwd, env })
      await first.says(/ ready/)
      const id = await call(cwd, 'shop.ticks', '-a', '[4]')
      await until(() => runs(cwd).includes('tick '))
      await using second = new Command(args, { cwd, env })
      await second.says(/ ready/)
      first.signal(signal)
      expect(await first.exited).toBe(signal === 'SIGTERM' ? 0 : 1)
      await resultOf(cwd, id)
      const ticks = runs(cwd)
        .split('\n')
        .flatMap((line) => (line.startsWith('tick ') ? [line.split(' ')] : []))
      const pids = [...new Set(ticks.map(([, pid]) => pid))]
      expect(pids).toHaveLength(2)
      const [mine = [], others = []] = pids.map((pid) =>
        ticks.flatMap((tick) => (tick[1] === pid ? [Number(tick[2])] : [])),
      )
      expect(Math.min(...others)).toBeGreaterThan(Math.max(...mine))
    },
  )

  test('that is killed takes its children with it, the busy one too', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using worker = new Command(['-A', 'app', 'worker', '-P', 'prefork', '-c', '2'], { cwd })
    const id = await call(cwd, 'shop.busy')
    await until(() => runs(cwd).includes(`begin ${id}`))
    const children = await childrenOf(worker.pid)
    expect(children).toHaveLength(2)
    worker.signal('SIGKILL')
    await until(() => !children.some(isAlive))
  })
})

describe('a worker that is told to stop softly', () => {
  test('waits for as long as the settings say, and hands back the rest', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const env = { SOFT: '1' }
    await using worker = new Command(['-A', 'app', 'worker', '-l', 'info'], { cwd, env })
    const [short, long] = [
      await call(cwd, 'shop.slow', '-a', '[0.6]'),
      await call(cwd, 'shop.slow', '-a', '[30]'),
    ]
    await until(() => runs(cwd).includes(`begin ${short}`) && runs(cwd).includes(`begin ${long}`))
    worker.signal('SIGQUIT')
    await worker.says(/soft shutdown: waiting for \d running tasks?, at most 1 s/)
    expect(await worker.exited).toBe(1)
    expect(runs(cwd)).toContain(`end ${short}`)
    const { stdout } = await lovage(['-A', 'app', 'queues', '--json'], { cwd })
    expect(JSON.parse(stdout)).toMatchObject([{ ready: 1, unacked: 0 }])
  })
})

test('a worker that gets TERM hands back what is left when the time to stop is over', async () => {
  using shop = makeShop()
  const cwd = shop.folder
  await using worker = new Command(['-A', 'app', 'worker', '-l', 'info', '-P', 'prefork', '-c', '2'], {
    cwd,
    env: { SHUTDOWN: '2' },
  })
  const [short, long] = [
    await call(cwd, 'shop.slow', '-a', '[1]'),
    await call(cwd, 'shop.slow', '-a', '[60]'),
  ]
  await until(() => runs(cwd).includes(`begin ${short}`) && runs(cwd).includes(`begin ${long}`))
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  expect(runs(cwd)).toContain(`end ${short}`)
  expect(runs(cwd)).not.toContain(`end ${long}`)
  const { stdout } = await lovage(['-A', 'app', 'queues', '--json'], { cwd })
  expect(JSON.parse(stdout)).toMatchObject([{ ready: 1, unacked: 0, dead: 0 }])
})

describe('a worker that gets HUP', () => {
  test('finishes what runs and starts again with the same arguments, its pid file still right', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const args = ['-A', 'app', 'worker', '-l', 'info', '-n', 'w@box', '--pidfile', 'w.pid', '--purge']
    await using worker = new Command(args, { cwd })
    await worker.says(/ ready/)
    const id = await call(cwd, 'shop.slow', '-a', '[0.5]')
    await until(() => runs(cwd).includes(`begin ${id}`))
    const waiting = call(cwd, 'shop.where')
    worker.signal('SIGHUP')
    await worker.says(/ ready/, 2)
    expect(runs(cwd)).toContain(`end ${id}`)
    expect((await resultOf(cwd, await waiting)).stdout).toMatch(/w@box /)
    expect(readFileSync(shop.path('w.pid'), 'utf8')).toBe(`${worker.pid}\n`)
    worker.signal('SIGHUP')
    await worker.says(/ ready/, 3)
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
    expect(existsSync(shop.path('w.pid'))).toBe(false)
  })
})

test('a worker that gets USR1 tells what it is at', async () => {
  using shop = makeShop()
  const cwd = shop.folder
  await using worker = new Command(['-A', 'app', 'worker'], { cwd })
  const id = await call(cwd, 'shop.slow', '-a', '[3]')
  await until(() => runs(cwd).includes(`begin ${id}`))
  worker.signal('SIGUSR1')
  await worker.says(/1 task runs, 0 wait, 0 have ended/)
  await worker.says(new RegExp(`shop.slow\\[${id}\\] has been running for`))
  expect(worker.log.find((line) => line.task_id === id)).toMatchObject({ args: '(3,)', queue: 'celery' })
})

describe('several processes', () => {
  test('run under one supervisor, which starts again what dies, rolls on HUP and ends all on TERM', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const args = [
      '-A',
      'app',
      'worker',
      '-l',
      'info',
      '-n',
      'w@box',
      '--processes',
      '2',
      '--pidfile',
      'all.pid',
    ]
    await using supervisor = new Command(args, { cwd })
    await supervisor.says(/w-\d@box ready/, 2)
    expect(readFileSync(shop.path('all.pid'), 'utf8')).toBe(`${supervisor.pid}\n`)
    const first = await childrenOf(supervisor.pid)
    expect(first).toHaveLength(2)

    // kill -9 in the middle of a task: another process runs it when the lease ends.
    const id = await call(cwd, 'shop.slow', '-a', '[0.5]')
    await until(() => runs(cwd).includes(`begin ${id}`))
    process.kill(Number(new RegExp(`begin ${id} (\\d+)`).exec(runs(cwd))?.[1]), 'SIGKILL')
    await supervisor.says(/process \d has ended: SIGKILL; restarting it/)
    await until(() => runs(cwd).includes(`end ${id}`), { timeoutMs: 15_000 })
    await supervisor.says(/w-\d@box ready/, 3)

    supervisor.signal('SIGHUP')
    await supervisor.says(/w-\d@box ready/, 5)
    const last = await childrenOf(supervisor.pid)
    expect(last.filter((pid) => first.includes(pid))).toEqual([])
    const sum = await call(cwd, 'shop.add', '-a', '[1, 2]')
    expect((await resultOf(cwd, sum)).stdout).toBe('3')
    supervisor.signal('SIGTERM')
    expect(await supervisor.exited).toBe(0)
    expect(last.some(isAlive)).toBe(false)
    expect(existsSync(shop.path('all.pid'))).toBe(false)
  })

  test('are killed when a task blocks them for longer than any may', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    shop.write({
      'block.ts': `
        import { appendFileSync } from 'node:fs'
        import { Lovage } from 'lovage'
        export const app = new Lovage('shop', { brokerLease: 4, taskTimeLimit: 1 })
        app.task({ name: 'block.ever', acksLate: false, run: () => { appendFileSync('runs.txt', 'blocks'); for (;;); } })
        app.task({ name: 'block.add', run: (_ctx, x: number, y: number) => x + y })`,
    })
    const args = ['-A', 'block', 'worker', '-l', 'info', '-P', 'async', '--processes', '2']
    await using supervisor = new Command(args, { cwd })
    await supervisor.says(/ ready/, 2)
    await lovage(['-A', 'block', 'call', 'block.ever'], { cwd })
    await until(() => runs(cwd).includes('blocks'))
    await supervisor.says(
      /blocks the event loop beyond its hard limit|has been blocked by a task for longer than any hard limit/,
    )
    await supervisor.says(/ ready/, 3)
    const { stdout } = await lovage(['-A', 'block', 'call', 'block.add', '-a', '[1, 2]'], { cwd })
    const sum = await lovage(['-A', 'block', 'result', stdout, '--wait', '10'], { cwd })
    expect(sum.stdout).toBe('3')
    supervisor.signal('SIGTERM')
    expect(await supervisor.exited).toBe(0)
  })

  test('end when their supervisor is killed', async () => {
    using shop = makeShop()
    await using supervisor = new Command(['-A', 'app', 'worker', '-l', 'info', '--processes', '2'], {
      cwd: shop.folder,
    })
    await supervisor.says(/ ready/, 2)
    const children = await childrenOf(supervisor.pid)
    supervisor.signal('SIGKILL')
    await until(() => !children.some(isAlive))
  })

  test('are not started again when the command line is wrong', async () => {
    using shop = makeShop()
    const { code } = await lovage(['-A', 'nothing', 'worker', '--processes', '2'], { cwd: shop.folder })
    expect(code).toBe(78)
  })
})

test.runIf(process.getuid?.() === 0)(
  'a worker runs as the user, group and mask that it is given',
  async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await run('chown', ['-R', 'nobody:nogroup', cwd])
    await run('chmod', ['755', cwd])
    await using worker = new Command(
      ['-A', 'app', 'worker', '-l', 'info', '--uid', 'nobody', '--gid', 'nogroup', '--umask', '027'],
      { cwd },
    )
    await worker.says(/ ready/)
    const { stdout } = await run('ps', ['-o', 'user=,group=', '-p', String(worker.pid)])
    expect(stdout.trim().split(/\s+/)).toEqual(['nobody', 'nogroup'])
    expect(worker.stderr).not.toContain('runs as root')
    const status = readFileSync(`/proc/${worker.pid}/status`, 'utf8')
    expect(status).toMatch(/Umask:\s+0027/)
  },
)

test('--processes 1 is one worker under a supervisor', { timeout: 60_000 }, async () => {
  using shop = makeShop()
  const cwd = shop.folder
  await using supervisor = new Command(
    ['-A', 'app', 'worker', '-l', 'info', '-P', 'async', '--processes', '1', '-n', 'one@box'],
    { cwd },
  )
  await supervisor.says(/one@box ready/)
  const [worker = 0] = await childrenOf(supervisor.pid)
  process.kill(worker, 'SIGKILL')
  await supervisor.says(/one@box ready/, 2)
  expect(await childrenOf(supervisor.pid)).not.toContain(worker)
  expect((await resultOf(cwd, await call(cwd, 'shop.add', '-a', '[1, 2]'))).stdout).toBe('3')
  supervisor.signal('SIGTERM')
  expect(await supervisor.exited).toBe(0)
})

test.each([[[]], [['--processes', '1']]])(
  'a worker that npx started ends when npx is killed (%j)',
  {
    timeout: 60_000,
  },
  async (more) => {
    using shop = makeShop()
    const cwd = shop.folder
    mkdirSync(`${cwd}/node_modules/.bin`, { recursive: true })
    symlinkSync(MAIN, `${cwd}/node_modules/.bin/lovage`)
    const npx = new Command(
      ['-A', 'app', 'worker', '-l', 'info', '-P', 'async', '--pidfile', 'w.pid', ...more],
      {
        cwd,
        program: ['npx', '--no-install', 'lovage'],
      },
    )
    await npx.says(/ ready/)
    const pid = Number(readFileSync(`${cwd}/w.pid`, 'utf8'))
    npx.signal('SIGKILL')
    await until(() => !isAlive(pid), { timeoutMs: 15_000 })
    expect(existsSync(`${cwd}/w.pid`)).toBe(false)
  },
)

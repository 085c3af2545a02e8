import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { lovage } from './command.js'

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop', {
  taskRoutes: { 'mail.*': 'mail' },
  taskQueues: ['celery', 'billing'],
  brokerTransportOptions: { sentinel_kwargs: { password: 'hunter2' } },
})
export const add = app.task({ name: 'math.add', run: (_ctx, x: number, y: number) => x + y })`

const makeShop = (more: Readonly<Record<string, string>> = {}) =>
  makeProject({ 'package.json': '{"type":"module","lovage":"app.ts"}', 'app.ts': APP, ...more })

describe('the command line', () => {
  test('shows what it can do, and that it was used wrongly when nothing was asked', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const help = await lovage(['--help'], { cwd })
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const command of ['worker', 'dev', 'call', 'result', 'queues', 'purge', 'report', 'shell']) {
      expect(help.stdout).toContain(`\n  ${command} `)
      const own = await lovage([command, '--help'], { cwd })
      expect(own.code).toBe(0)
      expect(own.stdout).toMatch(/Examples?:\n {2}\$ lovage /)
    }
    expect((await lovage([], { cwd })).code).toBe(64)
    expect((await lovage(['--version'], { cwd })).stdout).toMatch(/^\d+\.\d+\.\d+$/)
  })

  test.each([
    ['a command', ['wrker'], /unknown command 'wrker'[\s\S]*Did you mean worker\?/],
    [
      'an option',
      ['worker', '--concurency=3'],
      /unknown option '--concurency=3'[\s\S]*Did you mean --concurrency\?/,
    ],
    ['a number', ['worker', '-c', 'many'], /'many' is invalid.*whole number/],
    ['a level', ['worker', '-l', 'loud'], /Choose one of debug, info/],
    ['a list', ['call', 'x', '--args', '{}'], /JSON list/],
    ['a time', ['call', 'x', '--eta', 'soon'], /Give a time such as/],
    ['a folder', ['--workdir', 'nowhere', 'queues'], /There is no folder nowhere/],
  ])('refuses %s that it does not know, with code 64', async (_what, args, sentence) => {
    using shop = makeShop()
    const { code, stderr } = await lovage(args, { cwd: shop.folder })
    expect(stderr).toMatch(sentence)
    expect(code).toBe(64)
  })

  test.each([['--scheduler', 'theirs']])(
    'refuses %s, whose feature is not there, rather than run without it',
    async (...args) => {
      using shop = makeShop()
      const { code, stderr } = await lovage(['worker', ...args], { cwd: shop.folder })
      expect(stderr).toContain('not part of this version')
      expect(code).toBe(78)
    },
  )

  test('takes its options before or after the command, with - or _, and in every spelling of an app', async () => {
    using shop = makeShop({ 'package.json': '{"type":"module"}' })
    const cwd = shop.folder
    for (const args of [
      ['-A', 'app', 'report', '--json'],
      ['report', '--json', '--app=app.ts'],
      ['-Aapp:app', 'report', '--json', '--result_backend', 'memory://r'],
    ]) {
      const { stdout } = await lovage(args, { cwd })
      expect(JSON.parse(stdout)).toMatchObject({ app: { name: 'shop', tasks: ['math.add'] } })
    }
    const named = await lovage(['report', '--json'], { cwd, env: { CELERY_APP: 'app' } })
    expect(JSON.parse(named.stdout).app.name).toBe('shop')
  })

  test('tells what is wrong with the app that was named', async () => {
    using shop = makeShop({ 'package.json': '{"type":"module"}', 'none.ts': 'export const a = 1' })
    const cwd = shop.folder
    expect(await lovage(['worker'], { cwd })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('No app was given.'),
    })
    expect(await lovage(['-A', 'none', 'worker'], { cwd })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('none.ts exports no app; it exports a.'),
    })
    expect(await lovage(['-A', 'nowhere', 'worker'], { cwd })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('Looked for: nowhere, src/nowhere, package nowhere.'),
    })
    expect(await lovage(['-A', 'app', 'queues'], { cwd, env: { NODE_ENV: 'production' } })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('CELERY_BROKER_URL'),
    })
  })

  test('reads settings from the module of --config, and says when the code overrules the line', async () => {
    using shop = makeShop({
      'celeryconfig.ts': "export const task_default_queue = 'low'\nexport const worker_concurrency = 3",
      'wrong.ts': "export const task_default_queu = 'low'",
      'fixed.ts':
        "import { Lovage } from 'lovage'\nexport const app = new Lovage('fixed', { broker: 'memory://code' })",
    })
    const cwd = shop.folder
    const { stdout } = await lovage(['--config', 'celeryconfig', 'report', '--json'], { cwd })
    expect(JSON.parse(stdout).settings).toMatchObject({ taskDefaultQueue: 'low', workerConcurrency: 3 })
    expect(await lovage(['--config', 'wrong', 'report'], { cwd })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('did you mean taskDefaultQueue'),
    })
    const overruled = await lovage(['-A', 'fixed', '-b', 'memory://line', 'report', '--json'], { cwd })
    expect(JSON.parse(overruled.stdout).broker.location).toContain('code')
    expect(overruled.stderr).toContain('-b has no effect')
  })
})

describe('call', () => {
  test('prints the id alone, warns of a name that the app does not have, and goes where it is told', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const { code, stdout, stderr } = await lovage(
      ['call', 'math.ad', '-a', '[1]', '-k', '{"y": 2}', '--queue', 'billing', '--countdown', '60'],
      { cwd },
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^[0-9a-f-]{36}$/)
    expect(stderr).toBe(
      'Task math.ad is not registered. Did you mean math.add? It is sent anyway; another worker may know it.',
    )
    const depths = JSON.parse((await lovage(['queues', 'billing', '--json'], { cwd })).stdout)
    expect(depths).toEqual([{ name: 'billing', ready: 0, delayed: 1, unacked: 0, dead: 0, redelivered: [] }])
  })

  test('is PENDING until somebody has stored something', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const { stdout: id } = await lovage(['call', 'math.add', '-a', '[1, 2]', '--expires', '60'], { cwd })
    expect(await lovage(['result', id, '--wait', '0.2'], { cwd })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `${id} is PENDING: nothing is stored, or the id is unknown`,
    })
  })
})

describe('purge', () => {
  test('removes from the named queues alone, and tells how many', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    for (const queue of ['mail', 'mail', 'billing'])
      await lovage(['call', 'math.add', '--queue', queue], { cwd })
    expect(await lovage(['purge', 'mail'], { cwd })).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('-f'),
    })
    expect(await lovage(['purge', '-f', 'male'], { cwd })).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/There is no queue male\.\n.*celery, billing, mail/),
    })
    expect(await lovage(['purge', '-f', 'mail'], { cwd })).toMatchObject({
      code: 0,
      stdout: '2 messages removed from mail.',
    })
    const table = (await lovage(['queues'], { cwd })).stdout
    expect(table.split('\n')).toEqual([
      'queue    ready  delayed  unacked  dead',
      'celery       0        0        0     0',
      'billing      1        0        0     0',
      'mail         0        0        0     0',
    ])
    expect((await lovage(['purge', '-f', '-X', 'celery'], { cwd })).stdout).toBe(
      '1 message removed from billing.',
    )
    // An answer may be piped, in full or as a letter; anything else removes nothing.
    for (const [input, left] of [
      ['n\n', 1],
      ['what?\nyes\n', 1],
      ['Y\n', 0],
      ['yes\n', 0],
    ] as const) {
      if (input === 'n\n' || input === 'yes\n')
        await lovage(['call', 'math.add', '--queue', 'billing'], { cwd })
      const { stderr } = await lovage(['purge', 'billing'], { cwd, input })
      expect(stderr).toContain('Continue (yes/no)?')
      expect((await lovage(['queues'], { cwd })).stdout).toMatch(new RegExp(`billing +${left} `))
    }
  })
})

describe('report', () => {
  test('tells versions and settings with every secret masked, and whether the servers answer', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const env = {
      CELERY_RESULT_BACKEND: 'redis://user:hunter2@127.0.0.1:1/0',
      CELERY_SECURITY_KEY: 'hunter2',
    }
    const { code, stdout } = await lovage(['report'], { cwd, env })
    expect(code).toBe(69)
    expect(stdout).not.toContain('hunter2')
    expect(stdout).toMatch(/broker +sqlite .*queue\.db: answers/)
    expect(stdout).toMatch(/results +redis redis:.*does not answer: /)
    expect(stdout).toContain('securityKey: "********"')
    expect(stdout).toContain('taskQueues: ["celery","billing"]')
  })
})

describe('shell', () => {
  test('has the app, its tasks and results at hand', async () => {
    using shop = makeShop()
    const input = `
      const result = await add.delay(1, 2)
      await AsyncResult(result.id).state()
      tasks['math.add'] === add && app.main`
    const { code, stdout } = await lovage(['shell'], { cwd: shop.folder, input })
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(-2)).toEqual(["'PENDING'", "'shop'"])
  })
})

test('the project’s own copy of the package runs, whichever was called', async () => {
  using shop = makeProject({
    'package.json': '{"type":"module"}',
    'node_modules/lovage/package.json': '{"name":"lovage","exports":{"./package.json":"./package.json"}}',
    'node_modules/lovage/dist/cli/main.js': "console.log('local copy')",
  })
  expect((await lovage(['--version'], { cwd: shop.folder })).stdout).toBe('local copy')
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DashboardEnv,
  dashboardApp,
  dashboardPages,
  type OpenDashboard,
  openDashboard,
  ROLE_OF,
} from '@lovage/dashboard'
import type { MiddlewareHandler } from 'hono'
import { type Lovage, openSchedules, type Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Listening, serve } from '../../../packages/dashboard/src/server/serve.js'
import { startChromium } from '../../servers/chromium.js'
import { type PythonCelery, type RedisServer, startRedis } from '../../servers.js'
import { pageData } from '../page-data.js'
import { Forms } from './forms.js'
import { failed, holding, LOOPBACK, ran, startPythonShop, stopped, tasksOfShop } from './shop.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })
const patient = { timeoutMs: 30_000 }
const folder = mkdtempSync(join(tmpdir(), 'lovage-clicks-'))

let redis: RedisServer
let app: Lovage
let client: Lovage
let other: Lovage
let worker: Worker
let scaled: Worker
let python: PythonCelery
let dashboard: OpenDashboard
let server: Listening
let browser: Browser
let page: Page
let forms: Forms
/** A fleet of both languages, the second of a dashboard below a path: each form must keep both. */
beforeAll(async () => {
  redis = await startRedis()
  const servers = { broker: redis.url, backend: redis.url, taskSendSentEvent: true, env: {} } as const
  const beatSchedule = { nightly: { task: 'shop.add', schedule: 86_400, args: [100, 1] } }
  app = createTestApp('shop', { ...servers, workerSendTaskEvents: true })
  client = createTestApp('client', { ...servers, beatSchedule })
  other = createTestApp('other', { broker: `${redis.url}/1`, backend: `${redis.url}/1`, env: {} })
  tasksOfShop(app)
  dashboard = await openDashboard({
    fleets: [
      { name: 'other', app: other },
      { name: 'shop', app: client },
    ],
    db: join(folder, 'history'),
    urlPrefix: 'admin/tasks',
    enableEvents: false,
  })
  const access: MiddlewareHandler<DashboardEnv> = (c, next) => {
    c.set('person', { name: 'ada', role: 'admin' })
    return next()
  }
  server = await serve(dashboardApp(dashboard, { ...dashboardPages(), access }), LOOPBACK)
  ;[python, browser, worker, scaled] = await Promise.all([
    startPythonShop(redis.url),
    startChromium(),
    startTestWorker(app, { hostname: 'w1@box', queues: ['celery'], concurrency: 8 }),
    startTestWorker(app, { hostname: 'w2@box', queues: ['scaled'], autoscale: { min: 2, max: 3 } }),
  ])
  page = await browser.newPage()
  page.setDefaultTimeout(15_000)
  forms = await Forms.of(page, `${server.url}/admin/tasks/`)
  await until(async () => (await data('/workers')).items.length === 3, patient)
})
afterAll(async () => {
  for (const release of holding.values()) release()
  await browser?.close()
  await server?.close()
  await dashboard?.close()
  await Promise.all([worker?.stop(), scaled?.stop(), python?.stop()])
  await Promise.all([app?.close(), client?.close(), other?.close()])
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const inFleet = (path: string) => `${path}${path.includes('?') ? '&' : '?'}fleet=shop`
const data = (path: string) => pageData(`${server.url}/admin/tasks${inFleet(path)}`)
interface Choice {
  readonly fill?: Readonly<Record<string, string>>
  readonly tick?: readonly string[]
  /** The row or section of the button, where there are several. */
  readonly of?: string
}
/** Opens a page, clicks a button, and returns what the next page says. */
async function click(path: string, button: string, { fill, tick, of }: Choice = {}): Promise<string> {
  await forms.open(inFleet(path))
  const place = of === undefined ? page.locator('main') : page.locator('tr, form', { hasText: of })
  const said = await forms.click(place.locator(`button:text-is("${button}")`).first(), fill, tick)
  expect(page.url()).toContain('fleet=shop')
  return said
}

/** Clicks a button of ticked rows, says no, and returns what it has asked. */
async function refuse(path: string, button: string, tick: readonly string[]) {
  await forms.open(inFleet(path))
  return forms.refuse(page.locator(`fieldset button:text-is("${button}")`), tick)
}

const ids = async (sent: readonly Promise<{ readonly id: string }>[]) =>
  (await Promise.all(sent)).map(({ id }) => id)
const state = (id: string) => client.asyncResult(id).state()
const becomes = (id: string, ...states: readonly string[]) =>
  until(async () => states.includes(await state(id)), patient)
const isShown = (id: string, shown: string) =>
  until(async () => (await data(`/task/${id}`))?.task?.state === shown, patient)
const depth = async (queue: string) => {
  const [report] = await client.queues.report([queue])
  return report?.ready ?? 0
}
const idle = (queue: string, count = 1) =>
  ids(Array.from({ length: count }, () => client.sendTask('shop.add', { args: [1, 1], queue })))
const held = async (label: string) => {
  const { id } = await client.sendTask('shop.hold', { args: [label] })
  await until(() => holding.has(label), patient)
  await isShown(id, 'STARTED')
  return id
}
const added = async (x: number, y: number) => {
  const { id } = await client.sendTask('shop.add', { args: [x, y] })
  await isShown(id, 'SUCCESS')
  return id
}
const isStopped = (label: string) => until(() => stopped.includes(label), patient)
const runsOf = (x: number, y: number) => ran.filter((one) => String(one) === `${x},${y}`).length
const failsAgain = (label: string) => until(() => failed.filter((one) => one === label).length === 2, patient)
const letters = async () => (await client.deadLetters.list({ task: 'shop.fail' })).items
const letterOf = async (label: string) => {
  const { id } = await client.sendTask('shop.fail', { args: [label] })
  await isShown(id, 'FAILURE')
  await until(async () => (await letters()).some(({ taskId }) => taskId === id), patient)
  const letter = (await letters()).find(({ taskId }) => taskId === id)
  return { id, letter: letter?.id ?? '' }
}
const letterPath = (id: string) => `/dead-letter/${encodeURIComponent(id)}`
const asked = (name: string) => client.control.inspect({ destination: name, timeout: 10, limit: 1 })
const processesOf = async (name: string) => {
  const stats = (await asked(name).stats())[name] as { readonly pool: { readonly processes: number[] } }
  return stats.pool.processes
}
const jobEnds = () =>
  until(async () => (await data('/jobs')).every((one: { state: string }) => one.state !== 'running'), patient)

test('the fleet is asked for its events, from any page', async () => {
  // It is known to be silent when it has worked.
  await until(async () => {
    await client.sendTask('py.nap', { args: [0], queue: 'py' })
    return (await (await fetch(`${server.url}/admin/tasks${inFleet('/?format=json')}`)).text()).includes(
      'enable-events',
    )
  }, patient)
  expect(await click('/queues', 'Enable events on the fleet')).toContain('3 workers have done it')
  await until(async () => {
    const { id } = await client.sendTask('py.nap', { args: [0], queue: 'py' })
    await becomes(id, 'SUCCESS')
    return (await data(`/task/${id}`))?.task?.receivedMs > 0
  }, patient)
})

describe('a task', () => {
  test('is sent again, as it was or with other arguments', async () => {
    const id = await added(5, 6)
    expect(await click(`/task/${id}`, 'Retry')).toContain('Sent again: 1 task')
    await until(() => runsOf(5, 6) === 2, patient)
    await click(`/task/${id}`, 'Send', { fill: { args: '[7, 8]' } })
    await until(() => runsOf(7, 8) === 1, patient)
  })

  test('that waits is revoked; one that is delayed runs now', async () => {
    const [waiting = '', delayed = ''] = await ids([
      client.sendTask('shop.add', { args: [9, 9], queue: 'nobody' }),
      client.sendTask('shop.add', { args: [9, 1], countdown: 3600 }),
    ])
    expect(await click(`/task/${waiting}`, 'Revoke')).toContain('Revoked: 1 task')
    await becomes(waiting, 'REVOKED')
    expect(await click(`/task/${delayed}`, 'Run now')).toContain('runs now')
    await until(() => runsOf(9, 1) === 1, patient)
  })

  test('that runs is terminated, or asked to abort', async () => {
    const [one, two] = [await held('terminated'), await held('aborted')]
    await click(`/task/${one}`, 'Terminate')
    await isStopped('terminated')
    await click(`/task/${two}`, 'Abort')
    await isStopped('aborted')
  })

  test('that has a dead letter is sent again with it', async () => {
    const { id } = await letterOf('task')
    await click(`/task/${id}`, 'Send the dead letter again')
    await failsAgain('task')
    await until(async () => (await letters()).length === 1, patient)
    await client.deadLetters.purge({ task: 'shop.fail' })
  })
})

describe('tasks', () => {
  const here = '/tasks?q=name:shop'

  test('that are ticked are sent again, revoked, terminated and asked to abort', async () => {
    const again = [await added(20, 1), await added(20, 2)]
    expect(await click(here, 'Retry', { tick: again })).toContain('Sent again: 2 tasks')
    await until(() => runsOf(20, 1) === 2 && runsOf(20, 2) === 2, patient)
    const waiting = await idle('nobody', 2)
    await until(async () => (await data('/tasks?q=queue:nobody state:PENDING')).items.length >= 2, patient)
    await click(here, 'Revoke', { tick: waiting })
    for (const id of waiting) await becomes(id, 'REVOKED')
    const [one, two] = [await held('ticked'), await held('ticked too')]
    expect(await refuse(here, 'Terminate', [one])).toBe('Stop the processes that run the selected tasks?')
    expect(stopped).not.toContain('ticked')
    await click(here, 'Terminate', { tick: [one] })
    await isStopped('ticked')
    await click(here, 'Abort', { tick: [two] })
    await isStopped('ticked too')
  })

  test('with none ticked nothing is done, and the page says so', async () => {
    const before = ran.length
    expect(await click(here, 'Retry')).toMatch(/invalid.*Nothing is selected/s)
    expect(await data('/jobs')).toEqual([])
    expect(ran).toHaveLength(before)
  })

  test('that a search finds are, all of them', async () => {
    await added(30, 1)
    await added(30, 2)
    const all = (search: string) => `/tasks/all?q=${encodeURIComponent(search)}`
    await click(all('args:"(30," state:SUCCESS'), 'Retry 2')
    await until(() => runsOf(30, 1) === 2 && runsOf(30, 2) === 2, patient)
    const waiting = await idle('unread', 2)
    await until(async () => (await data('/tasks?q=queue:unread')).items.length === 2, patient)
    await click(all('queue:unread'), 'Revoke 2')
    for (const id of waiting) await becomes(id, 'REVOKED')
    const one = await held('found')
    await click(all(`id:${one}`), 'Terminate 1')
    await isStopped('found')
    const two = await held('found too')
    await click(all(`id:${two}`), 'Abort 1')
    await isStopped('found too')
    await jobEnds()
  })
})

describe('a queue', () => {
  test('is paused, and resumed on its page and on that of the limits', async () => {
    for (const list of ['/', '/queues']) {
      await click(list, 'Pause', { of: 'celery' })
      expect(await client.control.pausedQueues()).toEqual(['celery'])
      await click(list, 'Resume')
      expect(await client.control.pausedQueues()).toEqual([])
    }
    await click('/queue/scaled', 'Pause')
    expect(await client.control.pausedQueues()).toEqual(['scaled'])
    await click('/queue/scaled', 'Resume')
    expect(await client.control.pausedQueues()).toEqual([])
    await client.control.pauseQueues('scaled')
    await click('/limits', 'Resume')
    expect(await client.control.pausedQueues()).toEqual([])
  })

  test('is moved to another, and purged', async () => {
    await Promise.all([idle('from', 2), idle('elsewhere')])
    expect(await click('/queue/from', 'Move', { fill: { to: 'elsewhere' } })).toContain(
      '2 messages were moved',
    )
    expect([await depth('from'), await depth('elsewhere')]).toEqual([0, 3])
    expect(await click('/queue/elsewhere', 'Purge 3')).toContain('3 messages were removed')
    expect(await depth('elsewhere')).toBe(0)
  })

  test('has messages that run now instead of later, or are removed', async () => {
    await client.sendTask('shop.add', { args: [40, 1], countdown: 3600 })
    await click('/queue/celery', 'Run now', { of: '(40, 1)' })
    await until(() => runsOf(40, 1) === 1, patient)
    await idle('chosen', 2)
    await click('/queue/chosen', 'Remove')
    expect(await depth('chosen')).toBe(1)
  })
})

test('an entry of the schedule is run, disabled and enabled', async () => {
  await click('/schedules', 'Run now')
  await until(() => runsOf(100, 1) === 1, patient)
  const isEnabled = async () => {
    await using schedules = await openSchedules(client)
    return (await schedules.list())[0]?.enabled
  }
  await click('/schedules', 'Disable')
  expect(await isEnabled()).toBe(false)
  await click('/schedules', 'Enable')
  expect(await isEnabled()).toBe(true)
})

describe('a dead letter', () => {
  test('is sent again, edited or not, and removed; the list follows, for the letter is gone', async () => {
    const [one, two, three] = [await letterOf('a'), await letterOf('b'), await letterOf('c')]
    expect(await click(letterPath(one.letter), 'Send again')).toContain('1 letter was sent back')
    expect(await page.textContent('h1')).toBe('Dead letters')
    await failsAgain('a')
    expect(await click(letterPath(two.letter), 'Send', { fill: { args: '["edited"]' } })).toContain(
      'sent back',
    )
    expect(await page.textContent('h1')).toBe('Dead letters')
    await until(() => failed.includes('edited'), patient)
    expect(await click(letterPath(three.letter), 'Remove')).toContain('1 letter was removed')
    expect((await letters()).map(({ id }) => id)).not.toContain(three.letter)
    await client.deadLetters.purge({ task: 'shop.fail' })
  })

  test('is one of those that are ticked, or that are found', async () => {
    const made = [await letterOf('d'), await letterOf('e'), await letterOf('f'), await letterOf('g')]
    const [d = '', e = ''] = made.map(({ letter }) => letter)
    expect(await refuse('/dead-letters', 'Remove', [d])).toBe('Remove the selected letters for good?')
    expect(await letters()).toHaveLength(4)
    expect(await click('/dead-letters', 'Remove', { tick: [d] })).toContain('1 letter was removed')
    expect(await click('/dead-letters', 'Send again', { tick: [e] })).toContain('1 letter was sent back')
    await failsAgain('e')
    await until(async () => (await letters()).length === 3, patient)
    expect(await click('/dead-letters', 'Remove')).toMatch(/invalid.*Nothing is selected/s)
    expect(await letters()).toHaveLength(3)
    // One in ten seconds: it runs until it is stopped.
    const slow = { to: 'redriven', rate_per_second: '1' }
    await click('/dead-letters?task=shop.fail', 'Send all again', { fill: slow })
    await click('/jobs', 'Stop')
    await jobEnds()
    expect((await data('/jobs'))[0]).toMatchObject({ state: 'stopped' })
    const left = (await letters()).length
    expect(left + (await depth('redriven'))).toBe(3)
    await letterOf('h')
    const lost = () => client.deadLetters.list({ task: 'shop.lose' })
    await client.sendTask('shop.lose')
    await until(async () => (await lost()).items.length === 1, patient)
    expect(await click('/dead-letters?task=shop.fail', 'Remove all')).toContain(`for about ${left + 1}.`)
    await jobEnds()
    expect(await letters()).toEqual([])
    expect((await lost()).items).toHaveLength(1)
  })
})

test('the rate of a task is set for the fleet', async () => {
  await click('/limits', 'Set the rate', { fill: { task: 'shop.add', rate: '700/m' } })
  await until(
    async () => JSON.stringify(await asked('w1@box').registered('rate_limit')).includes('700/m'),
    patient,
  )
  await click('/limits', 'Set the rate', { fill: { task: 'shop.add', rate: '0' } })
})

describe('a worker', () => {
  const here = () => `/worker/${python.nodeName}`

  test('of Python gets more slots, fewer, and new processes', async () => {
    await click(here(), 'Grow', { fill: { n: '2' } })
    await until(async () => (await processesOf(python.nodeName)).length === 3, patient)
    await click(here(), 'Shrink', { fill: { n: '2' } })
    await until(async () => (await processesOf(python.nodeName)).length === 1, patient)
    const before = await processesOf(python.nodeName)
    await click(here(), 'Restart pool')
    await until(async () => !(await processesOf(python.nodeName)).includes(before[0] ?? 0), patient)
  })

  test('of Python consumes another queue, and leaves it', async () => {
    const { id } = await client.sendTask('py.nap', { args: [0], queue: 'more' })
    await click(here(), 'Consume', { fill: { queue: 'more' } })
    await becomes(id, 'SUCCESS')
    await click(here(), 'Stop consuming', { of: 'more' })
    expect(JSON.stringify(await asked(python.nodeName).activeQueues())).not.toContain('"more"')
  })

  test('of Python has its running task terminated, and its scheduled one revoked', async () => {
    const [runs = '', waits = ''] = await ids([
      client.sendTask('py.nap', { args: [600], queue: 'py' }),
      client.sendTask('py.nap', { args: [601], queue: 'py', countdown: 3600 }),
    ])
    await until(async () => (await data(here())).active?.length === 1, patient)
    await click(here(), 'Terminate')
    await until(async () => !JSON.stringify(await asked(python.nodeName).active()).includes(runs), patient)
    await until(async () => (await data(here())).scheduled?.length === 1, patient)
    await click(here(), 'Revoke')
    await until(async () => JSON.stringify(await asked(python.nodeName).revoked()).includes(waits), patient)
  })

  test('gets the limits of a task, and the bounds of its slots', async () => {
    await click(here(), 'Limit', { fill: { task: 'py.nap', rate: '70/m' } })
    await until(
      async () => JSON.stringify(await asked(python.nodeName).registered('rate_limit')).includes('70/m'),
      patient,
    )
    await click('/worker/w1@box', 'Limit time', { fill: { task: 'shop.hold', soft: '1', hard: '2' } })
    const { id } = await client.sendTask('shop.hold', { args: ['late'] })
    await click('/worker/w2@box', 'Set', { fill: { min: '4', max: '9' } })
    expect(scaled.autoscaler?.bounds).toMatchObject({ min: 4, max: 9 })
    await becomes(id, 'FAILURE')
    expect(JSON.stringify((await client.asyncResult(id).info())?.result)).toMatch(/TimeLimit/)
  })

  test('shuts down', async () => {
    await click(here(), 'Shut down')
    await until(
      async () => (await data('/workers')).items.some(({ state }: { state: string }) => state === 'offline'),
      patient,
    )
    const inspect = client.control.inspect({ destination: python.nodeName, timeout: 0.5 })
    expect(await inspect.ping()).toEqual({})
  })
})

test('what is sought is found, and the search stays in its fleet', async () => {
  const rows = async () => (await page.locator('main tbody tr').allTextContents()).join('\n')
  await click('/tasks', 'Search', { fill: { q: 'args:"(5, 6)"' } })
  expect(await rows()).toMatch(/^shop\.add.*\n.*shop\.add/s)
  await click('/queues', 'Show', { fill: { q: 'redriv', sort: 'name' } })
  expect(await rows()).toMatch(/^redriven/)
  await letterOf('sought')
  await click('/dead-letters', 'Show', { fill: { task: 'shop.fail', queue: 'celery', reason: 'failed' } })
  expect(new URL(page.url()).searchParams.get('task')).toBe('shop.fail')
  await click('/audit', 'Show', { fill: { action: 'queue.move', person: 'ada' } })
  expect(await rows()).toMatch(/queue\.move.*from → elsewhere/)
  await page.fill('header input[type=search]', 'name:py.nap')
  await page.press('header input[type=search]', 'Enter')
  await page.waitForURL(/tasks\?.*q=name/)
  expect(page.url()).toContain('fleet=shop')
  forms.pressed()
})

test('every form of every page was clicked, and every action has one', async () => {
  // A walk over all links, one of a kind, finds forms that the tests above did not meet.
  const seen = await forms.walk(inFleet('/'), 'a[href*="fleet=shop"]')
  expect(seen).toEqual(expect.arrayContaining(['/limits', '/task/', '/worker/', '/queue/', '/webhooks']))
  expect(forms.left).toEqual([])
  const without = Object.keys(ROLE_OF).filter(
    (kind) => !forms.actions.has(kind) && !kind.startsWith('webhook.'),
  )
  // Nobody needs a button that silences a fleet; those of webhooks are clicked where their pages are tested.
  expect(without).toEqual(['fleet.disable-events'])
})

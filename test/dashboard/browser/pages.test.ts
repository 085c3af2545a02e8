import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chord, group, type Lovage, type Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type RunningDashboard, runDashboard } from '../../../packages/dashboard/src/cli/index.js'
import { startChromium } from '../../servers/chromium.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../../servers.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })
const patient = { timeoutMs: 60_000 }
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Where pictures of the pages are kept when they are asked for (`LOVAGE_PICTURES=docs/dashboard`). */
const PICTURES = process.env.LOVAGE_PICTURES
const ON_A_PHONE: ReadonlySet<string> = new Set(['overview', 'task', 'tasks', 'queue'])

let redis: RedisServer
let python: PythonCelery
let app: Lovage
let monitor: Lovage
let worker: Worker
let dashboard: RunningDashboard
let browser: Browser
let folder: string
let ids: {
  readonly failed: string
  readonly chorded: string
  readonly waiting: string
  readonly letter: string
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-browser-'))
  redis = await startRedis()
  const servers = { broker: redis.url, backend: redis.url } as const
  monitor = createTestApp('shop', servers)
  app = createTestApp('shop', {
    ...servers,
    taskSendSentEvent: true,
    workerSendTaskEvents: true,
    taskRoutes: { 'mail.*': { queue: 'mail' }, 'py.*': { queue: 'py' } },
    beatSchedule: { 'every-night': { task: 'mail.send', schedule: 86_400, args: ['night'] } },
  })
  app.task({ name: 'mail.send', params: ['to'], run: (_ctx, to: string) => `sent to ${to}` })
  const add = app.task({ name: 'math.add', run: (_ctx, x: number, y: number) => x + y })
  const total = app.task({
    name: 'math.total',
    run: (_ctx, values: number[]) => values.reduce((a, b) => a + b, 0),
  })
  app.task({
    name: 'import.row',
    deadLetter: 'failures',
    run: (_ctx, row: number): never => {
      const error = new TypeError(`row ${row} has no price`)
      // Pictures show no path of the machine on which they were taken.
      error.stack = error.stack?.replaceAll(`${process.cwd()}/`, '') ?? ''
      throw error
    },
  })
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
app.conf.update(task_default_queue='py', worker_send_task_events=True, task_send_sent_event=True)
@app.task(name='py.greet')
def greet(name):
    return 'hello ' + name
`,
    args: ['-P', 'solo', '-Q', 'py', '-E'],
  })
  worker = await startTestWorker(app, { hostname: 'w1@box', queues: ['celery', 'mail'] })
  dashboard = await startDashboard()
  browser = await startChromium()
  await until(async () => (await json('/workers')).data.items.length === 2, patient)
  // A worker without listeners notices with its next task that it has one.
  await until(async () => {
    await Promise.all([
      app.sendTask('math.add', { args: [1, 1] }),
      app.sendTask('py.greet', { args: ['you'] }),
    ])
    const found = ['math.add', 'py.greet'].map(
      async (name) => (await json(`/tasks?q=name:${name} state:SUCCESS`)).data.items.length,
    )
    return (await Promise.all(found)).every((count) => count > 0)
  }, patient)
  const failed = await app.sendTask('import.row', { args: [7] })
  await app.sendTask('py.greet', { args: ['ada'] })
  for (let n = 0; n < 5; n++) await app.sendTask('mail.send', { args: [`u${n}@example.com`] })
  const chorded = await chord(group([add.s(1, 2), add.s(3, 4)]), total.s()).delay()
  const waiting = await app.sendTask('gone.task', { queue: 'nobody' })
  await app.sendTask('mail.send', { args: ['later'], countdown: 3600 })
  await until(async () => {
    const { data } = await json(`/task/${failed.id}`)
    const { data: mails } = await json('/tasks?q=name:mail.send state:SUCCESS')
    const { data: totals } = await json('/tasks?q=name:math.total state:SUCCESS')
    return data?.letter != null && mails.items.length === 5 && totals.items.length === 1
  }, patient)
  const { data } = await json(`/task/${failed.id}`)
  ids = {
    failed: failed.id,
    chorded: chorded.id,
    waiting: waiting.id,
    letter: data.letter.id,
  }
})
const startDashboard = () =>
  runDashboard(
    monitor,
    ['--port=0', `--db=${join(folder, 'history')}`, '--basic-auth=ada:secret:admin,vi:secret:viewer'],
    {},
  )
afterAll(async () => {
  await browser?.close()
  await dashboard?.close()
  await worker?.stop()
  await app?.close()
  await monitor?.close()
  await python?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const basic = (user: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`,
})

// Pages are data of the dashboard's own types; each test says what it expects of them.
// biome-ignore lint/suspicious/noExplicitAny: JSON of pages, whose fields tests name
async function json(path: string): Promise<any> {
  const response = await fetch(new URL(path.slice(1), dashboard.url), {
    headers: { ...basic('ada'), accept: 'application/json' },
  })
  return response.json()
}

async function open(
  path: string,
  {
    user = 'ada',
    dark = false,
    scripts = true,
    width = 1280,
  }: { user?: string; dark?: boolean; scripts?: boolean; width?: number } = {},
): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: dark ? 'dark' : 'light',
    viewport: { width, height: 900 },
    javaScriptEnabled: scripts,
    httpCredentials: { username: user, password: 'secret', origin: new URL(dashboard.url).origin },
  })
  const page = await context.newPage()
  await page.goto(new URL(path.slice(1), dashboard.url).href)
  return page
}

const PAGES = (): readonly (readonly [name: string, path: string])[] => [
  ['overview', '/'],
  ['tasks', '/tasks'],
  ['search', '/tasks?q=state:FAILURE'],
  ['task', `/task/${ids.failed}`],
  ['waiting', `/task/${ids.waiting}`],
  ['queues', '/queues'],
  ['queue', '/queue/nobody'],
  ['workers', '/workers'],
  ['worker', '/worker/w1@box'],
  ['python-worker', `/worker/${python.nodeName}`],
  ['schedules', '/schedules'],
  ['dead-letters', '/dead-letters'],
  ['dead-letter', `/dead-letter/${encodeURIComponent(ids.letter)}`],
  ['workflows', '/workflows'],
  ['workflow', `/workflow/${ids.chorded}`],
  ['limits', '/limits'],
  ['broker', '/broker'],
  ['audit', '/audit'],
  ['jobs', '/jobs'],
]

/** What axe objects to on a page. The page's policy lets no foreign script in; what is evaluated from outside is none of its. */
async function objections(page: Page): Promise<readonly string[]> {
  const found =
    await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')))`)
  return found as readonly string[]
}

describe.each([false, true])('every page, dark: %s', (dark) => {
  test('is drawn, takes nothing from elsewhere, and has nothing that axe objects to', async () => {
    const problems: string[] = []
    const page = await open('/', { dark })
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`)
    })
    if (PICTURES) mkdirSync(PICTURES, { recursive: true })
    for (const [name, path] of PAGES()) {
      const response = await page.goto(new URL(path.slice(1), dashboard.url).href)
      if (response?.status() !== 200) problems.push(`${path}: ${response?.status()}`)
      expect(response?.headers()['content-security-policy']).toContain("default-src 'none'")
      if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}-${dark ? 'dark' : 'light'}.png`) })
      for (const one of await objections(page)) problems.push(`${name}: ${one}`)
    }
    expect(problems).toEqual([])
    await page.context().close()
  })
})

describe('what an operator asks', () => {
  test('is anything stuck? The overview says which queue has no worker', async () => {
    const page = await open('/')
    await expect.poll(() => page.textContent('.stuck')).toContain('no worker consumes')
    await page.click('.stuck a')
    expect(await page.textContent('h1')).toBe('nobody')
    await page.context().close()
  })

  test('why does this task not run? Its page says it', async () => {
    const page = await open(`/task/${ids.waiting}`)
    expect(await page.textContent('.why')).toContain('No worker consumes its queue nobody')
    await page.context().close()
  })

  test('what went wrong? Failures lead from the overview to the task and its traceback', async () => {
    const page = await open('/')
    await page.click('text=TypeError')
    await page.click('tbody th a')
    expect(await page.textContent('.error')).toContain('row 7 has no price')
    expect(await page.textContent('main')).toContain('Traceback')
    await page.context().close()
  })

  test('a wrong search says where it is wrong', async () => {
    const page = await open('/tasks?q=state:FAILURE (name:mail')
    expect(await page.textContent('.wrong')).toMatch(/at character \d+/)
    await page.context().close()
  })

  test('a page changes while it is looked at', async () => {
    const page = await open('/tasks?q=name:math.add')
    const { id } = await app.sendTask('math.add', { args: [20, 22] })
    await page.waitForSelector(`a[href$="/task/${id}"]`, { timeout: 30_000 })
    await page.context().close()
  })
})

describe('what an operator does', () => {
  test.each([true, false])('pauses a queue and lets it go on, with scripts: %s', async (scripts) => {
    const page = await open('/queue/mail', { scripts })
    await page.click('.acts button:text("Pause")')
    expect(await page.textContent('.said')).toContain('done')
    expect((await json('/queue/mail')).data.line.isPaused).toBe(true)
    await page.click('.acts button:text("Resume")')
    expect((await json('/queue/mail')).data.line.isPaused).toBe(false)
    const [entry] = (await json('/audit')).data.items
    expect(entry).toMatchObject({ person: 'ada', action: 'queue.resume', target: 'mail', outcome: 'done' })
    await page.context().close()
  })

  test('edits the arguments of a task and sends it again', async () => {
    const page = await open('/tasks?q=name:math.total')
    await page.click('tbody th a')
    await page.click('summary:text("Edit and retry")')
    await page.fill('textarea[name=args]', '[[40, 2]]')
    await page.click('.edit button:text("Send")')
    // A live update replaces the page below the notice, which stays to be read and followed.
    const notice = await page.waitForSelector('.said a')
    await page.evaluate(`document.querySelector('main h1').dataset.before = ''`)
    await until(async () => {
      await app.sendTask('mail.send', { args: ['update'] })
      return (await page.locator('main h1:not([data-before])').count()) === 1
    }, patient)
    await notice.click()
    await expect
      .poll(
        async () => {
          await page.reload()
          return page.textContent('main')
        },
        { timeout: 30_000 },
      )
      .toContain('42')
    await page.context().close()
  })

  test('revokes everything that a search finds, after it was counted, as a job', async () => {
    await Promise.all(Array.from({ length: 12 }, () => app.sendTask('gone.task', { queue: 'nobody' })))
    await until(async () => (await json('/tasks?q=queue:nobody')).data.items.length === 13, patient)
    const page = await open('/tasks?q=queue:nobody')
    await page.click('text=With all results')
    expect(await page.textContent('main')).toContain('13')
    await page.click('button:text("Revoke 13")')
    await expect
      .poll(async () => (await json('/jobs')).data[0], { timeout: 60_000 })
      .toMatchObject({ state: 'done', done: 13 })
    await page.context().close()
  })

  test('sends a dead letter again', async () => {
    const page = await open(`/dead-letter/${encodeURIComponent(ids.letter)}`)
    await page.click('button:text("Send again")')
    await until(async () => (await json(`/tasks?q=name:import.row`)).data.items[0].changedMs > 0, patient)
    expect((await json('/audit')).data.items[0]).toMatchObject({ action: 'letter.redrive', outcome: 'done' })
    await page.context().close()
  })
})

describe('who may do what', () => {
  test('a stranger is let in nowhere, and a viewer changes nothing', async () => {
    expect((await fetch(dashboard.url)).status).toBe(401)
    const page = await open('/queue/mail', { user: 'vi' })
    expect(await page.locator('main form[method=post] button').count()).toBe(0)
    await page.context().close()
    const refused = await fetch(new URL('actions', dashboard.url), {
      method: 'POST',
      headers: { ...basic('vi'), 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'queue.pause', queue: 'mail' }),
    })
    expect(refused.status).toBe(403)
  })

  test('a page of another site changes nothing in the name of a person', async () => {
    const foreign = await fetch(new URL('actions', dashboard.url), {
      method: 'POST',
      headers: {
        ...basic('ada'),
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'cross-site',
      },
      body: 'kind=queue.pause&queue=mail',
    })
    expect(foreign.status).toBe(403)
    expect((await json('/queue/mail')).data.line.isPaused).toBe(false)
  })
})

test('the keyboard alone finds a task and opens it', async () => {
  const page = await open('/')
  await page.keyboard.press('/')
  await page.keyboard.type('name:mail.send')
  await page.keyboard.press('Enter')
  await page.waitForURL(/q=name/)
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(`document.activeElement?.matches('tbody th a')`)) break
  }
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/task\//)
  expect(await page.textContent('h1')).toBe('mail.send')
  await page.context().close()
})

test('on a phone nothing is wider than the screen, and axe objects to nothing', async () => {
  const page = await open('/', { width: 390, dark: true })
  for (const [name, path] of PAGES()) {
    await page.goto(new URL(path.slice(1), dashboard.url).href)
    const wide = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    )
    expect([path, wide]).toEqual([path, 0])
    // No text is squeezed to a column of letters, and the menu shows where one is.
    const narrow = await page.evaluate(
      `[...document.querySelectorAll('td.code')].filter((one) => one.textContent.length > 20 && one.clientWidth < 150).length`,
    )
    expect([path, narrow]).toEqual([path, 0])
    const isSeen = await page.evaluate(
      `(() => { const at = document.querySelector('.menu [aria-current]')?.getBoundingClientRect(); return !at || (at.left >= 0 && at.right <= innerWidth) })()`,
    )
    expect([path, isSeen]).toEqual([path, true])
    expect([name, await objections(page)]).toEqual([name, []])
    if (PICTURES && ON_A_PHONE.has(name)) await page.screenshot({ path: join(PICTURES, `${name}-phone.png`) })
  }
  await page.context().close()
})

/** Both themes, of a page that says something rare. */
async function picture(name: string, page: Page): Promise<void> {
  if (!PICTURES) return
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme })
    await page.screenshot({ path: join(PICTURES, `${name}-${theme}.png`) })
  }
}

test('a dashboard that was down says so on its pages, and what it found again', async () => {
  await dashboard.close()
  const closedMs = Date.now()
  const { id } = await app.sendTask('mail.send', { args: ['unseen'] })
  // Shorter ones are no gap.
  await until(() => Date.now() - closedMs > 3_500, patient)
  dashboard = await startDashboard()
  const page = await open('/')
  await expect
    .poll(
      async () => {
        await page.reload()
        await page.click('.gaps summary')
        return page.textContent('.gaps li')
      },
      { timeout: 30_000 },
    )
    .toMatch(/the dashboard was not running/)
  expect((await json(`/task/${id}`)).data.task.state).toBe('SUCCESS')
  await picture('gap', page)
  await page.context().close()
})

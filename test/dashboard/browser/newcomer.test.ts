import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startChromium } from '../../servers/chromium.js'
import {
  type PythonCelery,
  pythonCelery,
  type RabbitServer,
  type RedisServer,
  startRabbit,
  startRedis,
} from '../../servers.js'
import { pageData } from '../page-data.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 })
const patient = { timeoutMs: 60_000 }
const folder = mkdtempSync(join(tmpdir(), 'lovage-newcomer-'))

let rabbit: RabbitServer
let redis: RedisServer
let app: Lovage
let monitor: Lovage
let python: PythonCelery
let worker: Worker
let dashboard: RunningDashboard
let browser: Browser
let page: Page

/** A fleet of both languages on RabbitMQ, with what a night brings: a failure, a queue without a worker, work in both languages. */
beforeAll(async () => {
  ;[rabbit, redis] = await Promise.all([startRabbit(), startRedis()])
  const servers = { broker: rabbit.url(), backend: redis.url, coordinationUrl: redis.url, env: {} } as const
  monitor = createTestApp('monitor', servers)
  app = createTestApp('shop', {
    ...servers,
    taskSendSentEvent: true,
    workerSendTaskEvents: true,
    taskRoutes: { 'py.*': { queue: 'py' }, 'old.*': { queue: 'old' } },
  })
  app.task({ name: 'mail.send', params: ['to'], run: (_ctx, to: string) => `sent to ${to}` })
  app.task({
    name: 'import.row',
    deadLetter: 'failures',
    run: (_ctx, row: number): never => {
      throw new TypeError(`row ${row} has no price`)
    },
  })
  dashboard = await runDashboard(monitor, ['--port=0', `--db=${join(folder, 'h')}`], {})
  python = await pythonCelery({
    broker: rabbit.url(),
    backend: redis.url,
    source: `
app.conf.update(task_default_queue='py', worker_send_task_events=True, task_send_sent_event=True)
@app.task(name='py.greet')
def greet(name):
    return 'hello ' + name
`,
    args: ['-P', 'solo', '-Q', 'py', '-E'],
  })
  worker = await startTestWorker(app, { hostname: 'w1@box', queues: ['celery'] })
  browser = await startChromium()
  page = await browser.newPage()
  page.setDefaultTimeout(20_000)
  await until(async () => (await data('workers')).items.length === 2, patient)
  // A worker without listeners notices with its next task that it has one.
  await until(async () => {
    await Promise.all([
      app.sendTask('mail.send', { args: ['4711@example.com'] }),
      app.sendTask('py.greet', { args: ['ada'] }),
    ])
    const counts = ['mail.send', 'py.greet'].map(
      async (name) => (await data(`tasks?q=name:${name} state:SUCCESS`)).items.length,
    )
    return (await Promise.all(counts)).every((count) => count > 0)
  }, patient)
  await app.sendTask('import.row', { args: [7] })
  await app.sendTask('old.report')
  await until(async () => (await data('tasks?q=state:FAILURE name:import')).items.length === 1, patient)
  await until(async () => (await data('tasks?q=name:old')).items.length === 1, patient)
})
afterAll(async () => {
  await browser?.close()
  await dashboard?.close()
  await worker?.stop()
  await app?.close()
  await monitor?.close()
  await python?.stop()
  await Promise.all([rabbit?.stop(), redis?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const data = (path: string) => pageData(`${dashboard.url}${path}`)

/** Every way begins at the overview, and follows its links. */
const start = () => page.goto(dashboard.url)
const menu = (name: string) => page.click(`.menu a:text-is("${name}")`)
const find = async (search: string): Promise<void> => {
  await page.fill('header input[type=search]', search)
  await page.press('header input[type=search]', 'Enter')
  await page.waitForURL(/\/tasks\?/)
}
const says = (selector = 'main') => page.textContent(selector)

const ANSWERS: Readonly<Record<string, () => Promise<void>>> = {
  'Is anything stuck?': async () => {
    expect(await says('.stuck')).toMatch(/1 task waits in old, which no worker consumes/)
  },
  'Which workers live, and what are they?': async () => {
    await menu('Workers')
    const rows = await page.locator('tbody tr').allTextContents()
    expect(rows).toHaveLength(2)
    expect(rows.find((row) => row.includes(python.nodeName))).toMatch(/alive.*py-celery 5\.\d/s)
    expect(rows.find((row) => row.includes('w1@box'))).toMatch(/alive.*lovage \d/s)
  },
  'How much waits in a queue, and who takes it?': async () => {
    await menu('Queues')
    await page.click('tbody a:text-is("py")')
    expect(await says('.figures')).toMatch(/Waiting\s*0/)
    expect(await says()).toContain(python.nodeName)
  },
  'What became of the mail to 4711?': async () => {
    await find('mail args:4711')
    await page.click('tbody th a')
    expect(await says('.sub')).toContain('SUCCESS')
    expect(await says()).toContain('sent to 4711@example.com')
  },
  'Why does that task not run?': async () => {
    await find('name:old.report')
    await page.click('tbody th a')
    expect(await says('.why')).toContain('No worker consumes its queue old')
  },
  'What went wrong, and where in the code?': async () => {
    await page.click('a:text("TypeError")')
    await page.click('tbody th a')
    expect(await says('.error')).toContain('row 7 has no price')
    expect(await says()).toMatch(/at run \(.*newcomer\.test\.ts/)
  },
  'How is it run again?': async () => {
    await find('state:FAILURE name:import.row')
    await page.click('tbody th a')
    await page.click('button:text("again")')
    expect(await says('.said')).toContain('done')
    await until(async () => (await data('tasks?q=name:import.row')).items[0].changedMs > 0, patient)
  },
  'How long do tasks take, and how many fail?': async () => {
    const row = page.locator('tr', { has: page.locator('th:has-text("import.row")') })
    await expect.poll(() => row.first().textContent(), { timeout: 20_000 }).toMatch(/import\.row\s*0\s*[12]/)
    expect(await says()).toMatch(/py\.greet.*(?:ms|s)/s)
  },
  'Who has changed something?': async () => {
    await menu('Audit')
    expect(await says('tbody')).toMatch(/anybody.*letter\.redrive|anybody.*task\.retry/s)
  },
  'Where is the history kept, and since when?': async () => {
    await menu('Broker')
    expect(await says()).toContain(`sqlite://${join(folder, 'h.main.sqlite')}`)
    expect(await says()).toMatch(/Oldest\s*[\d.]+ (?:s|min) ago/)
  },
}

describe('ten questions of a newcomer, answered by the pages of a fleet of both languages on RabbitMQ', () => {
  test('are those of the guide', () => {
    const guide = readFileSync(new URL('../../../docs/operate/dashboard.md', import.meta.url), 'utf8')
    const asked = [...guide.matchAll(/^\| (.+\?) \| .+ \|$/gm)].map(([, question]) => question)
    expect(asked).toEqual(Object.keys(ANSWERS))
    expect(asked).toHaveLength(10)
  })

  test.each(Object.entries(ANSWERS))('%s', async (_question, answer) => {
    await start()
    await answer()
  })

  test('every page is drawn, without an error in the console', async () => {
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`)
    })
    await start()
    const hrefs = (selector: string) =>
      page.locator(selector).evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''))
    const visit = async (href: string): Promise<void> => {
      const response = await page.goto(new URL(href, dashboard.url).href)
      if (response?.status() !== 200) problems.push(`${href}: ${response?.status()}`)
    }
    // The pages of the menu, and what the first row of each leads to: a task, a queue, a worker, a dead letter.
    const rows = new Set([`/worker/${python.nodeName}`, '/worker/w1@box', '/queue/old'])
    for (const href of await hrefs('.menu a')) {
      await visit(href)
      const [first] = await hrefs('tbody th a')
      if (first !== undefined) rows.add(first)
    }
    for (const href of rows) await visit(href)
    const kinds = [...rows].map((href) => href.split('/')[1])
    expect(kinds).toEqual(expect.arrayContaining(['task', 'queue', 'worker']))
    expect(problems).toEqual([])
  })
})

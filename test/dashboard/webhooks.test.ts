import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROLE_OF, type WebhooksPort } from '@lovage/dashboard'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import { type Webhooks, webhooks } from '@lovage/webhooks'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startChromium } from '../servers/chromium.js'
import { type RedisServer, startRedis } from '../servers.js'
import { Receiver } from '../webhooks/receiver.js'
import { FAST } from '../webhooks/set-up.js'
import { Forms } from './browser/forms.js'
import { pageData } from './page-data.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Where pictures are kept when they are asked for, as in the tests of the other pages. */
const PICTURES = process.env.LOVAGE_PICTURES
const patient = { timeoutMs: 30_000 }
const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-hooks-'))
const store = `sqlite://${join(folder, 'webhooks.db')}`
let redis: RedisServer
let app: Lovage
let monitor: Lovage
let hooks: Webhooks
let worker: Worker
let good: Receiver
let bad: Receiver
let isMended = false
let dashboard: RunningDashboard
let browser: Browser
let page: Page
let forms: Forms

beforeAll(async () => {
  redis = await startRedis()
  const servers = { broker: redis.url, backend: redis.url, env: {} } as const
  app = createTestApp('shop', servers)
  monitor = createTestApp('monitor', servers)
  hooks = webhooks(app, { store, ...FAST })
  // What the dashboard takes is what the package gives.
  const port: WebhooksPort = hooks
  expect(port).toBe(hooks)
  worker = await startTestWorker(app)
  good = await Receiver.start()
  bad = await Receiver.start((_request, response) => {
    response.writeHead(isMended ? 204 : 400).end(isMended ? '' : 'no such <order>')
  })
  await hooks.endpoints.create({ url: `${good.url}/good`, id: 'ep_good', eventTypes: ['order.*'] })
  await hooks.endpoints.create({ url: `${bad.url}/bad`, id: 'ep_bad', permanentStatuses: [400] })
  await hooks.endpoints.create({ url: `${good.url}/quiet`, id: 'ep_quiet', eventTypes: ['never'] })
  for (const id of ['o_1', 'o_2']) await hooks.send({ type: 'order.paid', data: { id } })
  await Promise.all([good.has(2), bad.has(2)])
  const given = ['--port=0', `--db=${join(folder, 'h')}`, `--webhooks=${store}`]
  dashboard = await runDashboard(monitor, given, {})
  browser = await startChromium()
  page = await browser.newPage()
  page.setDefaultTimeout(15_000)
  forms = await Forms.of(page, dashboard.url)
  await until(async () => (await data('webhooks')).items[0].lost === 2, patient)
})
afterAll(async () => {
  await browser?.close()
  await dashboard?.close()
  await worker?.stop()
  await hooks?.close()
  await app?.close()
  await monitor?.close()
  await Promise.all([good, bad].map((one) => one?.[Symbol.asyncDispose]()))
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const data = (path: string) => pageData(`${dashboard.url}${path}`)
/** Clicks a button of the page that is open. */
const press = (button: string, fill?: Readonly<Record<string, string>>, tick?: readonly string[]) =>
  forms.click(page.locator(`main button:text-is("${button}")`), fill, tick)
/** Opens a page, clicks a button, and returns what the next page says. */
async function click(path: string, button: string, tick?: readonly string[]): Promise<string> {
  await forms.open(path)
  return press(button, {}, tick)
}

test('failing endpoints stand first, with what went wrong; each leads to its deliveries and their answers', async () => {
  await forms.open('webhooks')
  const rows = await page.locator('tbody tr').allTextContents()
  expect(rows).toHaveLength(3)
  expect(rows[0]).toMatch(/\/bad.*failing.*2 of 2/s)
  expect(rows[1]).toMatch(/\/good.*working.*0 of 2/s)
  expect(rows[2]).toMatch(/\/quiet.*idle/s)
  await page.click('tbody th a')
  await press('Show', { state: 'exhausted' })
  expect(await page.locator('tbody tr').count()).toBe(2)
  await page.click('tbody th a')
  expect(await page.textContent('h1')).toBe('order.paid')
  expect(await page.textContent('main')).toContain('http 400')
  // The receiver's own text, as text.
  expect(await page.textContent('.code')).toContain('no such <order>')
})

test('its pages have nothing that axe objects to, in both themes and on a phone', async () => {
  const [delivery] = (await data('webhook/ep_bad')).deliveries
  const problems: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } })
    const seen = await context.newPage()
    for (const [name, path] of [
      ['webhooks', 'webhooks'],
      ['webhook', 'webhook/ep_bad'],
      ['webhook-delivery', `webhook-delivery/${delivery.id}`],
    ] as const) {
      await seen.setViewportSize({ width: 1280, height: 900 })
      await seen.goto(`${dashboard.url}${path}`)
      if (PICTURES) await seen.screenshot({ path: join(PICTURES, `${name}-${colorScheme}.png`) })
      const violations = await seen.evaluate(
        `${AXE}; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map((one) => one.id))`,
      )
      for (const one of violations as readonly string[]) problems.push(`${name}, ${colorScheme}: ${one}`)
      await seen.setViewportSize({ width: 390, height: 800 })
      const wide = await seen.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      if (wide !== 0) problems.push(`${name} is wider than a phone`)
    }
    await context.close()
  }
  expect(problems).toEqual([])
})

test('a delivery is replayed, then a selection, then all that failed in a time', async () => {
  isMended = true
  const before = bad.seen.length
  const [one, two] = (await data('webhook/ep_bad?state=exhausted')).deliveries
  expect(await click(`webhook-delivery/${one.id}`, 'Replay now')).toContain('made once more')
  await until(() => bad.seen.length >= before + 1, patient)
  expect(await click('webhook/ep_bad', 'Replay', [two.id, one.id])).toContain(
    '2 deliveries are made once more',
  )
  await until(() => bad.seen.length >= before + 3, patient)
  for (const span of ['hour', 'day', 'week']) {
    isMended = false
    for (const id of ['o_3', 'o_4']) await hooks.send({ type: 'order.lost', data: { id } })
    await until(async () => (await data('webhook/ep_bad?state=exhausted')).deliveries.length === 2, patient)
    isMended = true
    const failed = bad.seen.length
    const said = await click('webhook/ep_bad', `Replay what failed in the last ${span}`)
    expect(said).toContain('sent again, by a task')
    await until(() => bad.seen.length >= failed + 2, patient)
    await until(async () => (await data('webhook/ep_bad?state=exhausted')).deliveries.length === 0, patient)
  }
  const replayed = await data(`webhook-delivery/${one.id}`)
  expect(replayed.attempts[0]).toMatchObject({ trigger: 'replay', outcome: 'success', status: 204 })
  const { items } = await data('audit')
  expect(items.map((item: { action: string }) => item.action)).toEqual([
    ...Array(3).fill('webhook.replay-all'),
    'webhook.replay',
    'webhook.replay',
  ])
})

test('an endpoint is disabled, what is held is cancelled or sent when it is enabled', async () => {
  expect(await click('webhook/ep_good', 'Disable')).toContain('The endpoint is disabled')
  expect((await data('webhook/ep_good')).line).toMatchObject({ state: 'disabled', disabledReason: 'manual' })
  const seen = good.seen.length
  for (const id of ['o_3', 'o_4']) await hooks.send({ type: 'order.paid', data: { id } })
  await until(async () => (await data('webhook/ep_good?state=held')).deliveries.length === 2, patient)
  const [{ id }] = (await data('webhook/ep_good?state=held')).deliveries
  expect(await click(`webhook-delivery/${id}`, 'Cancel')).toContain('The delivery is cancelled')
  expect((await data(`webhook-delivery/${id}`)).delivery.state).toBe('cancelled')
  expect(await click('webhook/ep_good', 'Enable')).toContain('what was held for it is sent')
  await good.has(seen + 1)
  expect(good.seen.at(-1)?.body.toString()).toContain('o_3')
})

test('what is not there is said: an endpoint, a tenant, webhooks at all', async () => {
  expect((await fetch(`${dashboard.url}webhook/ep_gone`)).status).toBe(404)
  expect((await fetch(`${dashboard.url}webhook-delivery/dlv_gone`)).status).toBe(404)
  await forms.open('webhooks')
  await press('Show', { tenant: 'other' })
  expect(await page.textContent('main')).toContain('The tenant other has no endpoints')
  const without = await runDashboard(monitor, ['--port=0', `--db=${join(folder, 'other')}`], {})
  const text = await (await fetch(`${without.url}webhooks`)).text()
  expect(text).toContain('watches no webhooks')
  await without.close()
})

test('every form of the pages of webhooks was clicked, and every action has one', async () => {
  // What is on their way is each form that a page can have: of an endpoint that is enabled or not, of a delivery that waits or not.
  await hooks.endpoints.disable('ep_good')
  await hooks.send({ type: 'order.paid', data: { id: 'o_9' } })
  const held = await until(async () => (await data('webhook/ep_good?state=held')).deliveries[0], patient)
  for (const path of ['webhook/ep_good', `webhook-delivery/${held.id}`]) await forms.open(path)
  const seen = await forms.walk('/webhooks', 'main a[href^="/webhook"]')
  expect(seen).toEqual(['/webhooks', '/webhook/', '/webhook-delivery/'])
  // Those of the header and of troubles are clicked on the other pages.
  expect(forms.left.filter((one) => one.startsWith('webhook'))).toEqual([])
  const kinds = Object.keys(ROLE_OF).filter((kind) => kind.startsWith('webhook.'))
  expect(kinds.filter((kind) => !forms.actions.has(kind))).toEqual([])
})

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { portalApp } from '@lovage/webhooks/portal'
import { portalLink, type ServiceOptions, serveWebhooks, serviceApp } from '@lovage/webhooks/service'
import { until } from 'lovage/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startChromium } from '../servers/chromium.js'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser: Browser
beforeAll(async () => {
  browser = await startChromium()
})
afterAll(() => browser.close())

async function setUpPortal(options: ServiceOptions = {}) {
  const set = await setUpWebhooks()
  const served = await serveWebhooks(serviceApp(set.hooks, { open: [portalApp(set.hooks)], ...options }), {
    port: 0,
  })
  return {
    ...set,
    url: served.url,
    linkOf: (tenant: string, ttlMs?: number) => `${served.url}${portalLink(set.hooks, tenant, ttlMs).path}`,
    async [Symbol.asyncDispose]() {
      await served.close()
      await set[Symbol.asyncDispose]()
    },
  }
}

test('a tenant adds an endpoint, tests it, reads the attempts and sends one again, without scripts', async () => {
  await using receiver = await Receiver.start(
    (_request, response) => void response.writeHead(200).end('<b>thanks</b>'),
  )
  await using set = await setUpPortal()
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  const blocked: string[] = []
  page.on('console', (message) => blocked.push(message.text()))
  await page.goto(set.linkOf('acme'))
  expect(page.url()).toBe(`${set.url}/portal`)
  await page.getByLabel('URL').fill(receiver.url)
  await page.getByLabel('Event types').fill('order.*, webhook.test')
  await page.getByRole('button', { name: 'Add endpoint' }).click()
  const secret = await page.locator('.secret').innerText()
  expect(secret).toMatch(/^whsec_/)

  await page.getByRole('link', { name: 'To the endpoint' }).click()
  expect(await page.content()).not.toContain(secret)
  await page.getByRole('button', { name: 'Send a test event' }).click()
  expect(await page.getByRole('status').innerText()).toBe('A test event is on its way.')
  await receiver.has(1)
  const { Webhook } = await import('standardwebhooks')
  const [seen] = receiver.seen
  new Webhook(secret).verify(seen?.body.toString() ?? '', {
    'webhook-id': String(seen?.headers['webhook-id']),
    'webhook-timestamp': String(seen?.headers['webhook-timestamp']),
    'webhook-signature': String(seen?.headers['webhook-signature']),
  })
  await until(async () => {
    await page.reload()
    return (await page.locator('table').first().innerText()).includes('success')
  })
  await page.getByRole('link', { name: 'webhook.test' }).click()
  // The receiver's answer is text, whatever it is.
  expect(await page.locator('article pre').innerText()).toBe('<b>thanks</b>')
  expect(await page.locator('pre').last().innerText()).toBe(seen?.body.toString())
  await page.getByRole('button', { name: 'Send again' }).click()
  await receiver.has(2)
  expect(receiver.seen[1]?.headers['webhook-id']).toBe(seen?.headers['webhook-id'])

  await page.getByRole('link', { name: /^ep_/ }).click()
  await page.getByRole('button', { name: 'New secret' }).click()
  expect(await page.locator('.secret').innerText()).not.toBe(secret)
  await page.getByRole('link', { name: 'To the endpoint' }).click()
  await page.getByRole('button', { name: 'Disable' }).click()
  expect(await page.locator('.off').innerText()).toBe('disabled')
  await page.getByRole('button', { name: 'Enable', exact: true }).click()
  await page.getByLabel('Description').fill('ours')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('summary').click()
  await page.getByRole('button', { name: 'Delete this endpoint' }).click()
  expect(await page.locator('main').innerText()).toContain('There is no endpoint yet.')
  await page.getByRole('button', { name: 'Leave' }).click()
  await page.goto(`${set.url}/portal`)
  expect(await page.locator('h1').innerText()).toBe('This link has ended')
  expect(blocked.filter((text) => /content security|refused/i.test(text))).toEqual([])
  await context.close()
})

test('a mistake in a form is told in the page, and what was made is made once', async () => {
  await using set = await setUpPortal()
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(set.linkOf('acme'))
  await page.getByLabel('URL').fill('https://10.0.0.1/hooks')
  await page.getByRole('button', { name: 'Add endpoint' }).click()
  expect(await page.getByRole('alert').innerText()).toMatch(/10\.0\.0\.1/)
  await page.goBack()
  await page.getByLabel('URL').fill('https://example.com/hooks')
  await page.getByRole('button', { name: 'Add endpoint' }).click()
  // A reload before the answer would be of the form.
  await page.locator('.secret').waitFor()
  await page.reload()
  expect(await page.getByRole('alert').innerText()).toContain('added already')
  expect((await set.hooks.endpoints.list({ tenant: 'acme' })).items).toHaveLength(1)
  await context.close()
})

test('pages are readable for everyone, by the rules of axe', async () => {
  await using set = await setUpPortal()
  const { endpoint } = await set.hooks.endpoints.create({
    url: 'https://example.com',
    tenant: 'acme',
    isEnabled: false,
  })
  const { deliveryIds } = await set.hooks.send({ type: 'a.b', data: {} }, { tenant: 'acme' })
  for (const colorScheme of ['light', 'dark'] as const) {
    // axe is put into the page, which the policy of the portal forbids to everyone else.
    const context = await browser.newContext({ bypassCSP: true, colorScheme })
    const page = await context.newPage()
    await page.goto(set.linkOf('acme'))
    for (const path of ['', `/endpoints/${endpoint.id}`, `/deliveries/${deliveryIds[0]}`]) {
      await page.goto(`${set.url}/portal${path}`)
      await page.evaluate(AXE)
      const found = await page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + nodes[0].html))',
      )
      expect([path, colorScheme, found]).toEqual([path, colorScheme, []])
    }
    await context.close()
  }
})

/** With another character in its middle: the last one may hold bits that mean nothing. */
function altered(token: string): string {
  const at = token.length >> 1
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

test('only a link opens the portal, of its own tenant, while it lasts; forms of other sites do nothing', async () => {
  await using set = await setUpPortal()
  const { endpoint } = await set.hooks.endpoints.create({ url: 'https://example.com', tenant: 'acme' })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${set.url}${path}`, { redirect: 'manual', ...init })
  const enter = async (tenant: string) => {
    const response = await fetch(set.linkOf(tenant), { redirect: 'manual' })
    expect(response.status).toBe(303)
    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/HttpOnly/)
    expect(cookie).toMatch(/SameSite=Lax/)
    expect(cookie).toMatch(/Path=\/portal/)
    return cookie.split(';')[0] ?? ''
  }
  const cookie = await enter('acme')
  const page = await ask(`/portal/endpoints/${endpoint.id}`, { headers: { cookie } })
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  )
  expect(page.headers.get('cache-control')).toBe('no-store')
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')

  const others = await enter('other')
  expect((await ask(`/portal/endpoints/${endpoint.id}`, { headers: { cookie: others } })).status).toBe(404)
  const pass = new URL(set.linkOf('acme')).searchParams.get('pass') ?? ''
  for (const wrong of ['', 'lovage_portal=', `lovage_portal=${pass}`, `${cookie}x`, altered(cookie)])
    expect([wrong, (await ask('/portal', { headers: { cookie: wrong } })).status]).toEqual([wrong, 403])
  const session = cookie.split('=')[1] ?? ''
  for (const wrong of ['', 'x', session, altered(pass)])
    expect([wrong, (await ask(`/portal/open?pass=${wrong}`)).status]).toEqual([wrong, 403])
  const ended = set.linkOf('acme', -1)
  expect((await fetch(ended)).status).toBe(403)

  const post = (token: string, headers: Readonly<Record<string, string>>) =>
    ask(`/portal/endpoints/${endpoint.id}/disable`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ token }),
    })
  expect((await post('', { cookie })).status).toBe(403)
  expect((await post('x'.repeat(43), { cookie })).status).toBe(403)
  expect((await post('', {})).status).toBe(403)
  expect((await set.hooks.endpoints.get(endpoint.id, { tenant: 'acme' })).isEnabled).toBe(true)
  const [, token = ''] = /name="token" value="([^"]+)"/.exec(await page.text()) ?? []
  expect((await post(token, { cookie: others })).status).toBe(403)
  expect((await post(token, { cookie })).status).toBe(303)
  expect((await set.hooks.endpoints.get(endpoint.id, { tenant: 'acme' })).isEnabled).toBe(false)
  const large = await ask('/portal/endpoints', {
    method: 'POST',
    headers: { cookie },
    body: 'a'.repeat(20_000),
  })
  expect(large.status).toBe(413)
})

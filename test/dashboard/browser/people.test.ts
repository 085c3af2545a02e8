import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDashboard } from '@lovage/dashboard/cli'
import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { startChromium } from '../../servers/chromium.js'
import { CLIENT, startIdentityProvider } from '../../servers/identity-provider.js'
import { freePort } from '../../servers/ports.js'

test('a person signs in at the provider, acts under the own name, and signs out', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-people-'))
  await using provider = await startIdentityProvider()
  const port = await freePort()
  // For a browser the provider is another site.
  const url = `http://localhost:${port}`
  const app = createTestApp('shop')
  const options = [
    `--port=${port}`,
    '--address=localhost',
    `--db=${join(folder, 'h')}`,
    `--auth-provider=${provider.url}`,
    '--auth=*@example.com',
    '--operators=*@example.com',
    `--oauth2_key=${CLIENT.key}`,
    `--oauth2_secret=${CLIENT.secret}`,
    `--oauth2_redirect_uri=${url}/login`,
  ]
  const dashboard = await runDashboard(app, options, {})
  const browser = await startChromium()
  try {
    const page = await browser.newPage()
    await page.goto(`${url}/queue/mail`)
    expect(page.url()).toBe(`${url}/queue/mail`)
    expect(await page.textContent('.who')).toMatch(/ada@example.com\s+operator/)
    await page.click('.acts button:text("Pause")')
    expect(await page.textContent('.said')).toContain('mail is paused')
    await page.goto(`${url}/audit`)
    expect(await page.textContent('tbody')).toMatch(/ada@example.com.*queue.pause/)

    // A session that ends elsewhere is noticed by the open page, which goes to sign in and comes back.
    await page.goto(`${url}/tasks`)
    await page.context().clearCookies()
    const asked = provider.asked.length
    app.events.send('task-received', { uuid: 'a', name: 'n' })
    await expect.poll(() => provider.asked.length, { timeout: 30_000 }).toBeGreaterThan(asked)
    await page.waitForURL(`${url}/tasks`)

    await page.click('button:text("Sign out")')
    expect(await page.textContent('main')).toContain('You are signed out here.')
    provider.user.email = 'mallory@other.org'
    await page.click('text=Sign in')
    expect(await page.textContent('.wrong')).toContain("Access denied to 'mallory@other.org'")
  } finally {
    await browser.close()
    await dashboard.close()
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

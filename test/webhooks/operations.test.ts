import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type WebhooksOptions, webhooks } from '@lovage/webhooks'
import { checkDeploy } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { run } from '../servers.js'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
const KEYS = (name: string, byte: number) => `${name}:${Buffer.alloc(32, byte).toString('base64')}`

test('the alerts are valid, silent about what is usual and not about what is not, by promtool', async () => {
  const cwd = `${DEPLOY}prometheus`
  const checked = await run('promtool', ['check', 'rules', 'webhooks.yml'], { cwd })
  expect(checked.code, checked.stderr).toBe(0)
  const tested = await run('promtool', ['test', 'rules', 'webhooks_test.yml'], { cwd })
  expect(tested.code, tested.stdout + tested.stderr).toBe(0)
})

test('alerts and board ask for metrics and labels that a worker has', async () => {
  let isDown = true
  await using receiver = await Receiver.start(
    (_request, response) => void response.writeHead(isDown ? 503 : 204).end(),
  )
  await using set = await setUpWebhooks({ schedule: { taskRetries: 0, sweepDelaysMs: [], jitter: 0 } })
  const { hooks, app } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  await hooks.endpoints.create({ url: 'https://example.com', isEnabled: false })
  const { deliveryIds } = await hooks.send({ type: 'a.b', data: {} }, { endpointId: endpoint.id })
  await until(async () => (await hooks.deliveries.get(deliveryIds[0] ?? '')).state === 'exhausted')
  isDown = false
  await hooks.deliveries.replay(deliveryIds[0] ?? '')
  await until(async () => (await hooks.deliveries.get(deliveryIds[0] ?? '')).state === 'success')
  const text = (await Promise.all(app.metricSources.map((source) => source()))).join('')
  expect(text).toContain('webhook_attempts_total{outcome="http",status_class="5xx",trigger="schedule"} 1')
  expect(text).toContain('webhook_attempts_total{outcome="success",status_class="2xx",trigger="replay"} 1')
  expect(text).toContain('webhook_notices_total{type="message.attempt.exhausted"} 1')
  expect(text).toContain('webhook_endpoints_disabled{reason="manual"} 1')
  expect(text).toContain('webhook_endpoint_circuit_state{state="open"} 0')
  for (const file of ['prometheus/webhooks.yml', 'grafana/webhooks.json']) {
    const asked = readFileSync(DEPLOY + file, 'utf8')
    const names = [...asked.matchAll(/\bwebhook_\w+/g)].map(([name]) => name)
    expect(names.length).toBeGreaterThan(5)
    for (const name of names)
      expect([file, name, text.includes(`\n${name}`) || text.startsWith(name)]).toEqual([file, name, true])
    for (const [, name, labels = ''] of asked.matchAll(/\b(webhook_\w+)\{([^}]*)\}/g))
      for (const [label] of labels.matchAll(/\w+(?=[!=]~?=?\\?")/g))
        expect([name, label, new RegExp(`\n${name}\\{[^}]*${label}=`).test(text)]).toEqual([
          name,
          label,
          true,
        ])
  }
})

test('doctor names what is wrong: a missing key, deliveries that nobody makes, an old key', async () => {
  await using set = await setUpWebhooks({ encryptionKeys: KEYS('a', 1) })
  await set.hooks.endpoints.create({ url: 'https://example.com' })
  const store = `sqlite://${set.folder}/webhooks.db`
  const checks = async (encryptionKeys: string, more: WebhooksOptions = {}) => {
    const app = createTestApp('doctor')
    const hooks = webhooks(app, { store, encryptionKeys, allowedCidrs: ['10.0.0.0/8'], ...more })
    const results: Record<string, string> = {}
    for (const { name, run: check } of app.deployChecks) {
      if (!name.startsWith('webhooks')) continue
      try {
        results[name] = String(await check())
      } catch (error) {
        results[name] = `FAIL ${error instanceof Error ? error.message : error}`
      }
    }
    await hooks.close()
    await app.close()
    return results
  }
  expect(await checks(KEYS('a', 1))).toEqual({
    'webhooks: store': 'sqlite, up to date',
    'webhooks: keys': '1 secrets open',
    'webhooks: backlog': 'pending 0, under way 0, failed 0',
    'webhooks: addresses': 'https: only, 1 private ranges allowed',
  })
  expect((await checks(`${KEYS('b', 2)},${KEYS('a', 1)}`))['webhooks: keys']).toBe(
    '1 secrets open, 1 of them with an old key: lovage-webhooks reseal',
  )
  expect((await checks(KEYS('b', 2)))['webhooks: keys']).toMatch(/^FAIL .*"a", which is not in the ring/)
  // A delivery for which there is no worker.
  await using idle = await setUpIdle()
  await until(async () =>
    /^FAIL a delivery has waited/.test((await checks(KEYS('a', 1), idle))['webhooks: backlog'] ?? ''),
  )
  // The whole command, on an app whose store is not there.
  const app = createTestApp('doctor')
  webhooks(app, { store: 'postgresql://127.0.0.1:9/none', encryptionKeys: KEYS('a', 1) })
  const found = await checkDeploy(app)
  expect(found.find(({ check }) => check === 'webhooks: store')).toMatchObject({ verdict: 'fail' })
  await app.close()
})

/** A store with a delivery that no worker takes. */
async function setUpIdle() {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-'))
  const store = `sqlite://${join(folder, 'webhooks.db')}`
  const app = createTestApp('idle')
  const hooks = webhooks(app, { store, encryptionKeys: KEYS('a', 1) })
  await hooks.endpoints.create({ url: 'https://example.com' })
  await hooks.send({ type: 'a.b', data: {} })
  return {
    store,
    staleAfterMs: 0,
    sweepEveryS: 0.01,
    async [Symbol.asyncDispose]() {
      await hooks.close()
      await app.close()
      rmSync(folder, { recursive: true })
    },
  }
}

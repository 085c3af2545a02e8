import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { lovage } from '../cli/command.js'
import { startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 60_000 })
const folder = mkdtempSync(join(tmpdir(), 'lovage-terminal-'))
let redis: Awaited<ReturnType<typeof startRedis>>
let client: Lovage
let worker: Worker
let dashboard: RunningDashboard
let url = ''

beforeAll(async () => {
  redis = await startRedis()
  const settings = { broker: redis.url, backend: redis.url, env: {} } as const
  const app = createTestApp('shop', settings)
  client = createTestApp('client', settings)
  app.task({ name: 'shop.add', params: ['x'], run: (_ctx, x: number) => x + 1 })
  dashboard = await runDashboard(
    client,
    ['--port=0', `--db=${join(folder, 'h')}`, '--basic-auth=ada:secret'],
    {},
  )
  url = dashboard.url.replace('://', '://ada:secret@')
  worker = await startTestWorker(app, { hostname: 'w1@box' })
  await client.control.enableEvents({ destination: 'w1@box', timeout: 20 })
  for (let n = 0; n < 3; n++) await (await client.sendTask('shop.add', { args: [n] })).get({ timeout: 20 })
  await until(async () => (await listed('state:SUCCESS')).length === 3, { timeoutMs: 20_000 })
}, 120_000)
afterAll(async () => {
  await dashboard.close()
  await worker.stop()
  await client.close()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function listed(search: string): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${dashboard.url}tasks?format=json&q=${encodeURIComponent(search)}`, {
    headers: { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` },
  })
  return ((await response.json()) as { data: { items: Record<string, unknown>[] } }).data.items
}

test('lovage tasks lists what a search finds, and says where a wrong one is wrong', async () => {
  const { code, stdout } = await lovage(['tasks', '--url', url, 'state:SUCCESS', 'args:"(1,)"'], {
    cwd: folder,
  })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\S+ {2}SUCCESS {3}[\w-]{36} {2}shop\.add\(1,\) {2}w1@box {2}2$/)
  const json = await lovage(['tasks', '--url', url, '--json', 'name:shop'], { cwd: folder })
  expect(
    json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name),
  ).toEqual(['shop.add', 'shop.add', 'shop.add'])
  const wrong = await lovage(['tasks', '--url', url, 'a AND'], { cwd: folder })
  expect(wrong.code).toBe(64)
  expect(wrong.stderr).toContain('AND must be followed by a search term.\n  a AND\n    ^^^')
})

test('lovage tasks --do acts on everything that is found, and waits for its end', async () => {
  const { code, stdout } = await lovage(['tasks', '--url', url, '--do', 'retry', '-f', 'args:"(2,)"'], {
    cwd: folder,
  })
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('done: 1 done, 0 failed') })
  await until(async () => (await listed('args:"(2,)" state:SUCCESS')).length === 2, { timeoutMs: 20_000 })
})

test('lovage top prints the overview once where there is no terminal', async () => {
  const { code, stdout } = await lovage(['top', '--url', url], { cwd: folder })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^main {2}\S+Z {2}workers 1 alive, 0 lost, \d tasks run\nqueues \d+: /)
  expect(stdout).toMatch(/w1@box +alive/)
})

test('where no dashboard answers it is said what to do', async () => {
  const { code, stderr } = await lovage(['top', '--url', 'http://127.0.0.1:1'], { cwd: folder })
  expect(code).toBe(69)
  expect(stderr).toContain('No dashboard answers at http://127.0.0.1:1/')
  const denied = await lovage(['tasks', '--url', dashboard.url, 'x'], { cwd: folder })
  expect(denied.stderr).toContain('Give a user in the URL')
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test, vi } from 'vitest'
import { startRedis } from '../servers.js'
import { pageData } from './page-data.js'

vi.setConfig({ testTimeout: 120_000 })
const patient = { timeoutMs: 45_000 }
const LOVAGE = fileURLToPath(new URL('../../packages/lovage/bin/lovage.js', import.meta.url))
const LETTERS = 12

test('a job whose dashboard is killed is shown as interrupted, with what it has done; the rest can be done again', async () => {
  await using redis = await startRedis()
  const folder = mkdtempSync(join(tmpdir(), 'lovage-jobs-'))
  const app = createTestApp('shop', { broker: redis.url, backend: redis.url, env: {} })
  const fail = app.task({
    name: 'shop.fail',
    deadLetter: 'failures',
    run: (): never => {
      throw new RangeError('no stock')
    },
  })
  const worker = await startTestWorker(app)
  for (let n = 0; n < LETTERS; n++) await fail.delay()
  const letters = async () => (await app.deadLetters.list({ limit: 100 })).items.length
  await until(async () => (await letters()) === LETTERS, patient)
  await worker.stop()

  const start = async () => {
    const servers = ['-b', redis.url, '--result-backend', redis.url]
    const argv = [...servers, 'dashboard', '--port=0', `--db=${join(folder, 'h')}`]
    const child = spawn(process.execPath, [LOVAGE, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const url = await until(() => /is at (http:\S+)/.exec(said)?.[1], patient)
    const data = (path: string) => pageData(`${url}${path}`)
    const act = async (action: object) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
      const response = await fetch(`${url}actions`, { ...init, body: JSON.stringify(action) })
      return (await response.json()) as { readonly status: string; readonly jobId: string }
    }
    return { child, data, act }
  }
  const redrive = { kind: 'letter.redrive', letters: { filter: { task: 'shop.fail' }, expected: LETTERS } }

  const one = await start()
  const { jobId } = await one.act({ ...redrive, queue: 'again', rate: 2 })
  await until(async () => (await one.data('jobs'))[0].done >= 2, patient)
  one.child.kill('SIGKILL')
  await once(one.child, 'exit')
  const left = await letters()
  expect(left).toBeGreaterThan(0)

  const other = await start()
  // Until then it may be the job of another dashboard that shares the history.
  expect((await other.data('jobs'))[0]).toMatchObject({ id: jobId, action: 'letter.redrive' })
  await until(async () => (await other.data('jobs'))[0].state === 'interrupted', patient)
  const [job] = await other.data('jobs')
  expect(job).toMatchObject({ id: jobId, person: 'anybody', expected: LETTERS, failed: 0 })
  expect(job.done).toBeGreaterThanOrEqual(2)
  // Every counted task was done; at most one batch was done and not counted.
  expect(LETTERS - left - job.done).toBeGreaterThanOrEqual(0)
  expect(LETTERS - left - job.done).toBeLessThanOrEqual(1)
  const { items } = await other.data('audit?action=letter.redrive')
  expect(items[0]).toMatchObject({
    outcome: 'failed',
    count: job.done,
    details: expect.stringContaining('ended'),
  })
  expect((await other.act({ kind: 'job.stop', id: jobId })).status).toBe('invalid')

  const again = await other.act({ ...redrive, queue: 'again' })
  await until(async () => (await other.data('jobs'))[0].state === 'done', patient)
  expect((await other.data('jobs'))[0]).toMatchObject({ id: again.jobId, done: left })
  // None is lost, and none was sent twice.
  const [queue] = await app.queues.report(['again'])
  expect(queue?.ready).toBe(LETTERS)

  other.child.kill('SIGTERM')
  await once(other.child, 'exit')
  await app.close()
  rmSync(folder, { recursive: true })
})

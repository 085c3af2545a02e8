import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { freePort, type RedisServer, startRedis } from '../servers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

const PROJECT = {
  'package.json': '{"name":"night","type":"module"}',
  'app.ts': `
import { Lovage } from 'lovage'
export const app = new Lovage('night', { taskDefaultQueue: 'night' })
app.addPeriodicTask(60, app.task({ name: 'night.tidy', run: () => null }), { name: 'tidy' })
`,
}

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

const health = (cwd: string, broker: string, ...words: readonly string[]) =>
  lovage(['-A', 'app', '-b', broker, 'health', ...words], { cwd })

test('health says in one screen what is wrong, and by its exit code how much', async () => {
  using project = makeProject(PROJECT)
  await using app = createTestApp('night', { broker: redis.url, taskDefaultQueue: 'night' })
  const deserted = await health(project.folder, redis.url)
  expect(deserted).toMatchObject({ code: 1, stderr: '' })
  expect(deserted.stdout).toMatch(/^critical, 0 workers\n/)
  expect(deserted.stdout).toContain('  no worker answers\n')

  await app.sendTask('night.tidy')
  const waiting = await health(project.folder, redis.url)
  expect(waiting.code).toBe(1)
  expect(waiting.stdout).toContain('  night: 1 waits and no worker consumes it\n')
  expect(waiting.stdout).toMatch(/^night +critical +1 +\d+ s/m)

  app.task({ name: 'night.tidy', run: () => null })
  await using worker = await startTestWorker(app)
  await expect
    .poll(() => health(project.folder, redis.url), { timeout: 60_000 })
    .toMatchObject({ code: 0, stdout: expect.stringMatching(/^degraded, 1 worker\n/) })
  const { stdout } = await health(project.folder, redis.url)
  expect(stdout).toContain('  no beat has loaded the schedule from the code: tidy will not run\n')
  expect(stdout).toMatch(/^periodic +task +status +next +last\ntidy +night\.tidy +unread +20\d\d-\S+ +-$/m)
  const json = JSON.parse((await health(project.folder, redis.url, 'night', '--json')).stdout)
  expect(json).toMatchObject({ workers: [worker.hostname], queues: [{ name: 'night' }] })
  expect(json.schedule).toMatchObject([{ name: 'tidy', status: 'unread', overdueSeconds: null }])
})

test('health without its broker is unknown, and says why', async () => {
  using project = makeProject(PROJECT)
  const away = await health(project.folder, `redis://127.0.0.1:${await freePort()}`)
  expect(away.code).toBe(69)
  expect(away.stdout).toMatch(
    /^unknown, 0 workers\n {2}the broker does not answer: Redis cannot be reached .*ECONNREFUSED/,
  )
})

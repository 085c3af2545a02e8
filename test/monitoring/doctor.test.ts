import { examine } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'
import { lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'

test('an app that can work passes, but for what its server should keep', async () => {
  const redis = await startRedis()
  await using app = createTestApp('well', { broker: redis.url, backend: redis.url })
  app.task({ name: 'add', run: () => 1 })
  app.deployChecks.push({ name: 'warehouse', run: async () => 'answers' })
  const worker = await startTestWorker(app)
  const findings = await examine(app)
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      'settings',
      'broker',
      'results',
      'dead letters',
      'clock',
      'worker on celery',
      'round trip',
      'warehouse',
    ]),
  )
  for (const { check, passed, detail, advice } of findings) {
    if (check !== 'server settings') expect(passed, `${check}: ${detail}`).toBe(true)
    expect(advice === undefined).toBe(passed)
  }
  await worker.stop()
  await redis.stop()
})

test('lovage doctor says what is wrong and what to do', { timeout: 30_000 }, async () => {
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': `import { Lovage } from 'lovage'
      export const app = new Lovage('shop', { taskRoutes: { 'shop.oder': 'orders' } })
      const run = () => { throw new Error('it is asleep') }
      app.deployChecks.push({ name: 'warehouse', run, advice: 'Wake it.' })`,
  })
  const { code, stdout } = await lovage(['doctor'], { cwd: shop.folder })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^FAIL {2}settings: taskRoutes names shop\.oder/m)
  expect(stdout).toMatch(/^PASS {2}broker: sqlite .* answers$/m)
  expect(stdout).toMatch(
    /^FAIL {2}worker on celery: no worker consumes it\n {6}Start one: lovage worker -Q celery$/m,
  )
  const away = await lovage(['-b', 'redis://:hunter2@127.0.0.1:1', 'doctor'], { cwd: shop.folder })
  expect(away.stdout).toMatch(/^FAIL {2}broker: /m)
  expect(away.stdout).toMatch(/^FAIL {2}warehouse: it is asleep\n {6}Wake it\.$/m)
  expect(away.stdout + away.stderr).not.toContain('hunter2')
})

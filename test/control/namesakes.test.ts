import { until } from 'lovage/testing'
import { expect, test, vi } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop')
app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })`

test('two workers with one name are told apart, warned of, and both count as readers of their queues', async () => {
  await using redis = await startRedis()
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  const env = { CELERY_BROKER_URL: redis.url }
  const start = (queue: string) =>
    new Command(['-A', 'app', 'worker', '-n', 'w1@box', '-Q', queue, '-l', 'info'], { cwd: shop.folder, env })
  await using first = start('celery')
  await first.says(/w1@box ready/)
  await using second = start('other')
  await second.says(new RegExp(`Another process \\(${first.pid}@.+\\) has the node name w1@box`))
  expect(first.stderr).not.toMatch(/Another process/)

  const ask = (...args: string[]) => lovage(['-A', 'app', ...args], { cwd: shop.folder, env })
  const status = await ask('status', '-t', '30')
  expect(status.stdout).toMatch(
    new RegExp(
      `w1@box \\(${first.pid}@.+\\): OK[\\s\\S]*w1@box \\(${second.pid}@.+\\): OK[\\s\\S]*2 nodes online`,
    ),
  )
  const health = JSON.parse((await ask('health', '--json')).stdout)
  expect(
    health.queues.map((queue: { name: string; workers: string[] }) => [queue.name, queue.workers.length]),
  ).toEqual(
    expect.arrayContaining([
      ['celery', 1],
      ['other', 1],
    ]),
  )

  // One that is left has its plain name.
  second.signal('SIGTERM')
  await second.exited
  await until(async () => /^w1@box: OK$/m.test((await ask('status', '-t', '30')).stdout), {
    timeoutMs: 60_000,
  })
})

test('a worker that is to ask nobody does not, and still answers', async () => {
  await using redis = await startRedis()
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  const env = { CELERY_BROKER_URL: redis.url }
  const start = (...more: string[]) =>
    new Command(['-A', 'app', 'worker', '-n', 'w1@box', '-l', 'info', ...more], { cwd: shop.folder, env })
  await using first = start('--without-mingle')
  await first.says(/w1@box ready/)
  await using second = start('--without-mingle')
  await second.says(/w1@box ready/)
  await using third = start()
  await third.says(/Another process .+ has the node name w1@box/)
  // It was ready long before the third, whose question the two have answered by now.
  expect(first.stderr + second.stderr).not.toMatch(/Another process/)
})

test('a question ends with the last answer, not with the clock', async () => {
  await using redis = await startRedis()
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  const env = { CELERY_BROKER_URL: redis.url }
  await using worker = new Command(['-A', 'app', 'worker', '-n', 'w1@box', '-l', 'info'], {
    cwd: shop.folder,
    env,
  })
  await worker.says(/w1@box ready/)
  // Each would wait for a minute.
  for (const command of [['status'], ['inspect', 'active'], ['control', 'revoke', 'some-id']]) {
    const asked = await lovage(['-A', 'app', ...command, '-t', '60'], { cwd: shop.folder, env })
    expect(asked, asked.stderr).toMatchObject({ code: 0 })
  }
}, 50_000)

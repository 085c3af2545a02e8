import { expect, test, vi } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const APP = `
import { crontab, Lovage } from 'lovage'
export const app = new Lovage('shop', {
  timezone: 'Asia/Tokyo',
  taskSoftTimeLimit: 100,
  beatSchedule: { night: { task: 'shop.t1', schedule: crontab({ hour: 3, minute: 0 }) } },
})
for (const n of [1, 2, 3]) app.task({ name: 'shop.t' + n, queue: 'unread', run: () => n })
app.task({ name: 'shop.short', timeLimit: 10, run: () => 1 })`

test('a schedule is listed in its own zone and in UTC, whatever the machine’s', async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  const { stdout } = await lovage(['-A', 'app', 'beat', '--list'], {
    cwd: shop.folder,
    env: { TZ: 'America/New_York' },
  })
  expect(stdout).toMatch(/next \(zone\) +next \(UTC\)/)
  expect(stdout).toMatch(/Asia\/Tokyo +\S+ 03:00:00 +\S+ 18:00:00/)
})

test('a worker warns once for an unread queue, starts with a short hard limit, and says which commands there are', async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  await using worker = new Command(['-A', 'app', 'worker', '-n', 'w1@box', '-l', 'info'], {
    cwd: shop.folder,
  })
  await worker.says(/w1@box ready/)
  const warnings = worker.stderr.match(/[^"\n]*does not consume the queue[^"\n]*/g)
  expect(warnings).toEqual([
    expect.stringContaining('unread, to which shop.t1, shop.t2, shop.t3 go: add it to -Q.'),
  ])
  const asked = await lovage(['-A', 'app', 'inspect', 'activ', '-t', '30'], { cwd: shop.folder })
  expect(asked.code).not.toBe(0)
  expect(asked.stderr).toMatch(
    /activ is not a command of Celery’s: did you mean active\?\nOne of active, active_queues/,
  )
})

test('what is revoked while no worker runs is revoked, and the command succeeds', async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
  const revoked = await lovage(['-A', 'app', 'control', 'revoke', 'some-id', '-t', '0.2'], {
    cwd: shop.folder,
  })
  expect(revoked).toMatchObject({ code: 0, stderr: expect.stringContaining('in force all the same') })
  const unheard = await lovage(['-A', 'app', 'inspect', 'nonsense', '-t', '0.2'], { cwd: shop.folder })
  expect(unheard).toMatchObject({ code: 69, stderr: expect.stringContaining('One of active, active_queues') })
})

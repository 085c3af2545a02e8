import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

const APP = `
import { crontab, Lovage } from 'lovage'
export const app = new Lovage('shop', { beatLease: 1.5 })
export const tick = app.task({ name: 'shop.tick', run: () => 'tock' })
app.addPeriodicTask(1, tick, { name: 'tick' })
app.addPeriodicTask(crontab({ hour: 2, minute: 0 }), tick, { name: 'nightly', timezone: 'America/New_York' })`

const makeShop = () => makeProject({ 'package.json': '{"type":"module","lovage":"app.ts"}', 'app.ts': APP })

describe('lovage beat', () => {
  test('lists the schedule, in each entry’s zone and in UTC, before any beat has run', async () => {
    using shop = makeShop()
    const env = { TZ: 'Asia/Tokyo' }
    const { code, stdout } = await lovage(['beat', '--list'], { cwd: shop.folder, env })
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^entry +task +schedule +zone +next \(zone\) +next \(UTC\) +last \(zone\) +last \(UTC\) +runs +state$/m,
    )
    // 02:00 in New York is 06:00 or 07:00 UTC; where the command runs does not matter.
    expect(stdout).toMatch(
      /nightly .* \d{4}-\d\d-\d\d 02:00:00 +\d{4}-\d\d-\d\d 0[67]:00:00 +- +- +0 +enabled/,
    )
    const json = await lovage(['beat', '--list', '--json'], { cwd: shop.folder })
    expect(JSON.parse(json.stdout)).toMatchObject([
      { name: 'nightly', next: expect.stringMatching(/T0[67]:00:00.000Z$/), lastRun: null, source: 'code' },
      { name: 'tick', schedule: 'every second', totalRunCount: 0 },
    ])
  })

  test('refuses a second start by its pid file, and leaves none behind', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using beat = new Command(['beat', '-l', 'info', '--pidfile', 'beat.pid', '--max-interval', '10'], {
      cwd,
    })
    await beat.says(/Scheduler: Sending due task tick \(shop\.tick\)/)
    expect(readFileSync(shop.path('beat.pid'), 'utf8').trim()).toBe(String(beat.pid))
    const second = await lovage(['beat', '--pidfile', 'beat.pid'], { cwd })
    expect(second).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(`process ${beat.pid} is already running`),
    })
    beat.signal('SIGTERM')
    expect(await beat.exited).toBe(0)
    expect(existsSync(shop.path('beat.pid'))).toBe(false)
  })

  test('says what is wrong with the schedule, and does not start', async () => {
    using shop = makeShop()
    shop.write({ 'bad.ts': `${APP}\napp.addPeriodicTask(0, tick, { name: 'never' })` })
    const { code, stderr } = await lovage(['-A', 'bad.ts', 'beat'], { cwd: shop.folder })
    expect(code).toBe(78)
    expect(stderr).toContain('An interval of 0 ms is invalid')
  })
})

describe('lovage worker -B', () => {
  test('runs what it sends, and takes turns with other beats', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using first = new Command(['worker', '-B', '-l', 'info', '-n', 'a@%h'], { cwd })
    await first.says(/Task shop\.tick\[[^\]]+\] succeeded/)
    await using second = new Command(['worker', '-B', '-l', 'info', '-n', 'b@%h'], { cwd })
    await second.says(/ready/)
    expect(second.stderr).not.toContain('beat: Leading.')
    first.signal('SIGTERM')
    expect(await first.exited).toBe(0)
    await second.says(/beat: Leading\./)
    await second.says(/Task shop\.tick\[[^\]]+\] succeeded/, 2)
  })

  test('keeps the schedule in a file of its own when told', async () => {
    using shop = makeShop()
    await using worker = new Command(['worker', '-B', '-s', 'beat.db', '-l', 'info'], { cwd: shop.folder })
    await worker.says(/Sending due task/)
    expect(existsSync(shop.path('beat.db'))).toBe(true)
    const { stdout } = await lovage(['schedule', '-s', 'beat.db', 'list', '--json'], { cwd: shop.folder })
    expect(JSON.parse(stdout)[1].totalRunCount).toBeGreaterThan(0)
  })
})

describe('lovage schedule', () => {
  test('changes what a running beat does', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const schedule = (...args: string[]) => lovage(['schedule', ...args], { cwd })
    await using beat = new Command(['beat', '-l', 'info'], { cwd })
    await beat.says(/due task tick/)
    expect((await schedule('disable', 'tick')).stdout).toBe('tick: shop.tick, every second (UTC); disabled.')
    expect((await schedule('add', 'other', 'shop.tick', '--every', '1s', '-k', '{}')).code).toBe(0)
    await beat.says(/due task other/)
    const count = () => beat.stderr.match(/due task tick/g)?.length ?? 0
    const before = count()
    await beat.says(/due task other/, 3)
    expect(count()).toBe(before)
    expect((await schedule('enable', 'tick')).stdout).toMatch(/next run \d{4}-/)
    await until(() => count() > before)
    const run = await schedule('run', 'nightly')
    expect(run.stdout).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each([
    ['an entry that is not there', ['disable', 'nope'], 78, 'The entries are nightly, tick.'],
    ['no schedule', ['add', 'x', 'shop.tick'], 64, 'Give --every, --crontab, --solar or --at'],
    [
      'two schedules',
      ['add', 'x', 'shop.tick', '--every', '1', '--at', '2030-01-01T00:00:00Z'],
      64,
      'one schedule',
    ],
    ['a time that has passed', ['add', 'x', 'shop.tick', '--at', '2020-01-01T00:00:00Z'], 64, 'has passed'],
    ['a time that is none', ['add', 'x', 'shop.tick', '--every', '5q'], 64, "'1h30m'"],
    [
      'a crontab that cannot be read',
      ['add', 'x', 'shop.tick', '--crontab', '0 25 * * *'],
      78,
      'between 0 and 23',
    ],
    ['a name that is taken', ['add', 'tick', 'shop.tick', '--every', '5'], 78, 'Entry tick already exists'],
    ['nothing to change', ['change', 'tick'], 64, 'Nothing to change was given'],
    ['arguments that are no list', ['change', 'tick', '-a', '{}'], 64, 'Give a JSON list'],
  ])('says what is wrong with %s', async (_name, args, code, why) => {
    using shop = makeShop()
    const result = await lovage(['schedule', ...args], { cwd: shop.folder })
    expect(result.stderr).toContain(why)
    expect(result.code).toBe(code)
  })
})

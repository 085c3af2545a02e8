import { crontab, interval, type Schedule, solar } from 'lovage'
import { createTestApp, FakeClock, startTestWorker, until } from 'lovage/testing'
import { describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { openBeat, openSchedules } from '../../packages/lovage/src/beat/index.js'
import { newId } from '../../packages/lovage/src/kernel/index.js'
import { takeSent } from './sent.js'
import { DAY, HOUR, MINUTE, makeApp, SECOND, START, seconds, startBeat, toClose } from './start-beat.js'

describe('beat', () => {
  it('sends what is due, when it is due', async () => {
    const { app, clock } = makeApp({
      beatSchedule: { tick: { task: 'app.tick', schedule: 30, args: [7], kwargs: { a: 1 } } },
    })
    await startBeat(app, clock)
    await clock.advance(29_999)
    expect(await takeSent(app)).toEqual([])
    await clock.advance(1)
    const [sent] = await takeSent(app)
    expect(sent).toMatchObject({ task: 'app.tick', args: [7], kwargs: { a: 1 } })
    await clock.advance(10 * MINUTE)
    expect(await seconds(app)).toBe(20)
  })

  it('sends what Celery’s beat sends, and the entry’s name', async () => {
    const { app, clock } = makeApp({
      beatSchedule: {
        tick: {
          task: 'app.tick',
          schedule: 30,
          expires: 60,
          options: { queue: 'low', priority: 3, headers: { tenant: 'a' }, timeLimit: 10 },
        },
      },
    })
    await startBeat(app, clock)
    await clock.advance(30_000)
    const [sent] = await takeSent(app, 'low')
    expect(sent?.headers).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      root_id: sent?.id,
      parent_id: null,
      origin: expect.stringMatching(/^gen\d+@/),
      expires: expect.stringContaining('2026-01-01T00:01:30'),
      timelimit: [10, null],
      tenant: 'a',
      periodic_task_name: 'tick',
    })
  })

  it('keeps count of its runs', async () => {
    const { app, clock } = makeApp({ beatSchedule: { tick: { task: 't', schedule: 60 } } })
    await startBeat(app, clock)
    await clock.advance(3 * MINUTE)
    const schedules = await openSchedules(coreOf(app))
    toClose.push(schedules)
    expect(await schedules.list()).toMatchObject([
      {
        name: 'tick',
        totalRunCount: 3,
        lastRunMs: START + 3 * MINUTE,
        nextMs: START + 4 * MINUTE,
        source: 'code',
      },
    ])
    expect((await takeSent(app)).at(-1)?.id).toBe((await schedules.list())[0]?.lastTaskId)
  })

  it('is true to the calendar over a year', async () => {
    const { app, clock } = makeApp({
      timezone: 'Europe/Berlin',
      beatSchedule: {
        'every 90 days': { task: 't', schedule: interval({ days: 90 }) },
        'nightly at two': { task: 't', schedule: crontab({ minute: 0, hour: 2 }) },
        'sundays at four': { task: 't', schedule: crontab({ minute: 0, hour: 4, dayOfWeek: 'sunday' }) },
        'sunset in Berlin': { task: 't', schedule: solar('sunset', 52.52, 13.4) },
      },
    })
    await startBeat(app, clock, { leaseMs: 3 * DAY, clockCheckMs: DAY, maxIntervalMs: 30 * DAY })
    const runs = new Map<string, string[]>()
    for (let day = 0; day < 365; day++) {
      await clock.advance(DAY)
      for (const { entry } of await takeSent(app)) {
        const name = String(entry)
        runs.set(name, [...(runs.get(name) ?? []), new Date(clock.now() - DAY).toISOString().slice(0, 10)])
      }
    }
    expect(runs.get('every 90 days')).toEqual(['2026-03-31', '2026-06-29', '2026-09-27', '2026-12-26'])
    // 02:00 in Berlin; on 29 March it does not exist, on 25 October it comes twice.
    expect(runs.get('nightly at two')).toHaveLength(365)
    const sundays = runs.get('sundays at four') ?? []
    expect(sundays).toHaveLength(52)
    expect(sundays.every((day) => new Date(day).getUTCDay() === 0)).toBe(true)
    expect(runs.get('sunset in Berlin')).toHaveLength(365)
  }, 60_000)

  it('makes up by its policy for what was missed while nobody was there', async () => {
    const entry = { task: 't', schedule: crontab({ minute: 0 }) }
    const beatSchedule = {
      once: entry,
      skip: { ...entry, missed: 'skip' as const },
      three: { ...entry, missed: { backfill: 3 } },
    }
    const { app, clock, broker } = makeApp({ beatSchedule })
    const first = await startBeat(app, clock)
    await clock.advance(90 * MINUTE)
    await first.stop()
    expect(await takeSent(app)).toHaveLength(3)
    clock.jump(START + DAY + 10 * MINUTE)
    const again = makeApp({ beatSchedule }, clock, broker)
    await startBeat(again.app, clock)
    const names = (await takeSent(app)).map((sent) => sent.entry).sort()
    expect(names).toEqual(['once', 'three', 'three', 'three'])
    await clock.advance(50 * MINUTE)
    expect((await takeSent(app)).map((sent) => sent.entry).sort()).toEqual(['once', 'skip', 'three'])
  })

  it('skips a run while the last one is unfinished', async () => {
    const { app, clock } = makeApp({
      beatSchedule: {
        tick: { task: 'app.slow', schedule: 60, overlap: 'skip', overlapTimeoutMs: 10 * MINUTE },
      },
    })
    let finish: (() => void) | undefined
    app.task({
      name: 'app.slow',
      run: () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    })
    const worker = await startTestWorker(app)
    toClose.push({ close: () => worker.stop('cold') })
    await startBeat(app, clock)
    await clock.advance(MINUTE)
    await until(() => finish !== undefined)
    await clock.advance(3 * MINUTE)
    expect(worker.active).toHaveLength(1)
    finish?.()
    await until(() => worker.processed === 1)
    finish = undefined
    await clock.advance(MINUTE)
    await until(() => finish !== undefined)
    // A worker that vanished may have taken it along: an unfinished run holds back others for ten minutes only.
    await clock.advance(10 * MINUTE)
    await until(() => worker.active.length === 2)
  })

  it('does not take a run for unfinished that was purged, or whose result has gone', async () => {
    const { app, clock } = makeApp({
      beatSchedule: { tick: { task: 'app.quick', schedule: 60, overlap: 'skip' } },
    })
    let runs = 0
    app.task({ name: 'app.quick', run: () => ++runs })
    await startBeat(app, clock)
    await clock.advance(MINUTE)
    // It waits: nobody is there to run it.
    await clock.advance(MINUTE)
    expect(await app.queues.report(['celery'])).toMatchObject([{ ready: 1 }])
    expect(await app.queues.purge('celery')).toBe(1)
    await clock.advance(MINUTE)
    expect(await app.queues.report(['celery'])).toMatchObject([{ ready: 1 }])

    const worker = await startTestWorker(app)
    toClose.push({ close: () => worker.stop('cold') })
    await until(() => runs === 1)
    await using schedules = await openSchedules(coreOf(app))
    const [{ lastTaskId } = { lastTaskId: null }] = await schedules.list()
    await until(async () => (await app.asyncResult(lastTaskId ?? '').state()) === 'SUCCESS')
    await app.asyncResult(lastTaskId ?? '').forget()
    await clock.advance(MINUTE)
    await until(() => runs === 2)
  })

  it('lets no entry wait for one that cannot be sent or read', async () => {
    const { app, clock, broker } = makeApp({
      messageMaxBytes: 2_000,
      beatScheduleKinds: { strange: () => interval(1) },
      beatSchedule: {
        big: { task: 't', schedule: 10, args: ['x'.repeat(3_000)] },
        strange: {
          task: 't',
          schedule: {
            kind: 'strange',
            next: () => 1,
            toWire: () => ({ kind: 'strange' }),
            describe: () => '',
          },
        },
        tick: { task: 't', schedule: 10 },
      },
    })
    const stranger = makeApp({ messageMaxBytes: 2_000, beatSchedule: app.conf.beatSchedule }, clock, broker)
    await startBeat(stranger.app, clock)
    await clock.advance(5 * MINUTE)
    const sent = await takeSent(app)
    expect(new Set(sent.map((one) => one.entry))).toEqual(new Set(['tick']))
    expect(sent).toHaveLength(30)
    expect(new Set(sent.map((one) => one.id)).size).toBe(30)
  })

  it('goes on when a schedule of somebody’s own is broken, or the code adds a wrong entry', async () => {
    const broken: Schedule = {
      kind: 'broken',
      next: (afterMs) => afterMs,
      toWire: () => ({ kind: 'broken' }),
      describe: () => '',
    }
    const { app, clock } = makeApp({
      beatScheduleKinds: { broken: () => broken },
      beatSchedule: { broken: { task: 't', schedule: broken }, tick: { task: 't', schedule: 10 } },
    })
    await startBeat(app, clock, { maxIntervalMs: 20_000 })
    await clock.advance(MINUTE)
    expect(await seconds(app)).toBe(6)
    await using schedules = await openSchedules(coreOf(app))
    expect((await schedules.list())[0]?.trouble).toMatch(/broken.* returned \d+ as the time after/)
    app.addPeriodicTask(10, 't', { name: 'wrong', jitterMs: -1 })
    await clock.advance(MINUTE)
    expect(await seconds(app)).toBe(6)
  })

  it('spreads runs by their jitter', async () => {
    const { app, clock } = makeApp({ beatSchedule: { tick: { task: 't', schedule: 60, jitterMs: 30_000 } } })
    await startBeat(app, clock)
    await clock.advance(MINUTE - SECOND)
    let [early, late] = [0, 0]
    for (let minute = 0; minute < 30; minute++) {
      await clock.advance(16 * SECOND)
      early += await seconds(app)
      await clock.advance(44 * SECOND)
      late += await seconds(app)
    }
    expect(early + late).toBe(30)
    expect(early).toBeGreaterThan(5)
    expect(late).toBeGreaterThan(5)
  })
})

describe('when the clock is set', () => {
  const beatSchedule = { tick: { task: 't', schedule: interval({ minutes: 1 }) } }

  it('forward by a day, it makes one run for the day', async () => {
    const { app, clock } = makeApp({ beatSchedule })
    await startBeat(app, clock)
    await clock.advance(10 * MINUTE)
    expect(await seconds(app)).toBe(10)
    clock.jump(START + DAY)
    await clock.advance(5 * SECOND)
    expect(await seconds(app)).toBe(1)
    await clock.advance(10 * MINUTE)
    expect(await seconds(app)).toBe(10)
  })

  it('back by two hours, it goes on at once', async () => {
    const { app, clock } = makeApp({ beatSchedule })
    const monotonic = { now: 0 }
    await startBeat(app, clock, { monotonicMs: () => monotonic.now })
    await clock.advance(3 * HOUR)
    expect(await seconds(app)).toBe(180)
    clock.jump(START + HOUR)
    // The timers of a real clock follow the time that passes.
    await clock.advance(3 * HOUR)
    expect(await seconds(app)).toBeGreaterThanOrEqual(58)
  })

  it('back by minutes, no run is made twice', async () => {
    const { app, clock } = makeApp({ beatSchedule })
    await startBeat(app, clock)
    await clock.advance(30 * MINUTE)
    const before = await takeSent(app)
    clock.jump(START + 20 * MINUTE)
    await clock.advance(20 * MINUTE)
    const after = await takeSent(app)
    const ids = [...before, ...after].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toHaveLength(40)
  })
})

describe('of several beats', () => {
  const beatSchedule = { tick: { task: 't', schedule: 1 } }
  const fleet = async (count: number) => {
    const broker = `memory://${newId()}`
    const clock = new FakeClock(START)
    const members = Array.from({ length: count }, () => makeApp({ beatSchedule }, clock, broker))
    const beats = []
    for (const { app } of members) beats.push(await startBeat(app, clock))
    return { clock, beats, app: members[0]?.app ?? createTestApp() }
  }

  it('one leads', async () => {
    const { clock, beats, app } = await fleet(3)
    await clock.advance(MINUTE)
    expect(beats.map((beat) => beat.status.leads)).toEqual([true, false, false])
    expect(await seconds(app)).toBe(60)
  })

  it('another leads when the leader stops, and misses nothing', async () => {
    const { clock, beats, app } = await fleet(3)
    await clock.advance(10_500)
    await beats[0]?.stop()
    await clock.advance(19_500)
    expect(beats.filter((beat) => beat.status.leads)).toHaveLength(1)
    const sent = await takeSent(app)
    expect(sent).toHaveLength(30)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(30)
  })

  it.each([
    ['a leader that was frozen and knows it steps down', true],
    ['a leader that was frozen and does not know it changes nothing', false],
  ])('%s', async (_name, knows) => {
    const broker = `memory://${newId()}`
    const frozen = makeApp({ beatSchedule }, new FakeClock(START), broker)
    const living = makeApp({ beatSchedule }, new FakeClock(START), broker)
    const first = await startBeat(frozen.app, frozen.clock, knows ? {} : { monotonicMs: () => 0 })
    await startBeat(living.app, living.clock)
    for (let second = 0; second < 10; second++)
      for (const { clock } of [frozen, living]) await clock.advance(SECOND)
    expect(first.status.leads).toBe(true)
    await living.clock.advance(20_000)
    const schedules = await openSchedules(coreOf(living.app))
    toClose.push(schedules)
    const before = await schedules.list()
    expect(before).toMatchObject([{ totalRunCount: 30 }])
    // It wakes up: its clock is right again, its timers fire.
    frozen.clock.jump(START + 30_000)
    await frozen.clock.advance(0)
    expect(await schedules.list()).toEqual(before)
    await frozen.clock.advance(3_000)
    expect(first.status.leads).toBe(false)
    await living.clock.advance(3_000)
    const sent = await takeSent(living.app)
    expect(sent).toHaveLength(33)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(33)
  })
})

describe('an app', () => {
  it('adds periodic tasks, by task or by name', async () => {
    const { app, clock } = makeApp({})
    const add = app.task({ name: 'app.add', run: (_ctx, x: number, y: number) => x + y })
    expect(app.addPeriodicTask(10, add, { args: [2, 3], expires: 5 })).toBe('app.add')
    expect(
      app.addPeriodicTask(crontab({ minute: '*' }), 'other.tidy', { name: 'tidy', kwargs: { deep: true } }),
    ).toBe('tidy')
    expect(() => app.addPeriodicTask(10, add, { args: [1, 2] })).toThrow(
      'Two schedule entries are named app.add',
    )
    await startBeat(app, clock)
    await clock.advance(MINUTE)
    const sent = await takeSent(app)
    expect(sent.filter(({ task }) => task === 'app.add').map(({ args }) => args)).toEqual(
      Array(6).fill([2, 3]),
    )
    expect(sent.filter(({ task }) => task === 'other.tidy')).toMatchObject([
      { kwargs: { deep: true }, entry: 'tidy' },
    ])
  })

  it('hears of a wrong entry at the start', async () => {
    const { app } = makeApp({ beatSchedule: { bad: { task: '', schedule: 10 } } })
    await expect(openBeat(coreOf(app))).rejects.toThrow("The schedule entry 'bad' is invalid: task")
  })
})

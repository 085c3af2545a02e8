import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { clocked, crontab, interval, type PeriodicTask, readSchedule } from '../schedule/index.js'
import { defineEntry, type Entry, type EntryState, newEntry } from '../schedule-store/index.js'
import { nextDueMs, type Plan, planEntry } from './plan.js'

const at = (text: string) => Date.parse(`2026-01-${text}Z`)
const START = at('01T00:00:00')

function entryOf(periodic: Partial<PeriodicTask>, state: Partial<EntryState> = {}): Entry {
  const entry = newEntry(
    'nightly',
    defineEntry('nightly', { task: 't', schedule: 60, ...periodic }),
    'code',
    START,
  )
  return { ...entry, state: { ...entry.state, ...state } }
}

const plan = (entry: Entry, nowMs: number): Plan =>
  planEntry(entry, readSchedule(entry.definition.schedule), { space: 'app', nowMs, timeZone: 'UTC' })

const times = ({ ticks }: Plan) => ticks.map(({ tickMs }) => new Date(tickMs).toISOString().slice(8, 19))

describe('a plan', () => {
  it('waits for the first run', () => {
    expect(plan(entryOf({}), START)).toEqual({
      ticks: [],
      cursorMs: START,
      anchorMs: START,
      nextMs: at('01T00:01:00'),
    })
  })

  it('makes a run when it is due, and looks again at the next', () => {
    const due = plan(entryOf({}), at('01T00:01:00'))
    expect(times(due)).toEqual(['01T00:01:00'])
    expect(due).toMatchObject({ cursorMs: at('01T00:01:00'), nextMs: at('01T00:02:00') })
    expect(due.missedSinceMs).toBeUndefined()
  })

  it('makes every run that is a little late, so that a new leader misses none', () => {
    const late = plan(entryOf({ schedule: 1 }), START + 8_200)
    expect(times(late)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((second) => `01T00:00:0${second}`))
    expect(late.missedSinceMs).toBeUndefined()
  })

  it('names a run by the same id whoever plans it', () => {
    const [one] = plan(entryOf({}), at('01T00:01:00')).ticks
    const [other] = plan(entryOf({}, { cursorMs: START + 7 }), at('01T00:01:20')).ticks
    expect(one?.taskId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(other).toEqual(one)
  })

  it('makes the run of a one-off that was missed, and never again', () => {
    const once = entryOf({ schedule: clocked('2026-01-03T12:00:00Z') })
    const late = plan(once, at('05T00:00:00'))
    expect(times(late)).toEqual(['03T12:00:00'])
    expect(late.nextMs).toBeUndefined()
    const done = { ...once, state: { ...once.state, cursorMs: late.cursorMs } }
    expect(plan(done, at('06T00:00:00'))).toMatchObject({ ticks: [], nextMs: undefined })
  })

  it.each([
    ['disabled', { definition: { ...entryOf({}).definition, enabled: false } }],
    ['removed', { removed: true }],
  ])('leaves alone what is %s', (_name, how) => {
    expect(plan({ ...entryOf({}), ...how }, at('02T00:00:00'))).toMatchObject({
      ticks: [],
      nextMs: undefined,
    })
  })
})

describe('after a downtime', () => {
  const nightly = { schedule: crontab({ minute: 0, hour: 2 }) }

  it('makes one run for all that were missed, as a default', () => {
    const late = plan(entryOf(nightly), at('20T12:00:00'))
    expect(times(late)).toEqual(['20T02:00:00'])
    expect(late).toMatchObject({ missedSinceMs: at('01T02:00:00'), nextMs: at('21T02:00:00') })
  })

  it('lets a run that is only late stand for those that were missed', () => {
    expect(times(plan(entryOf(nightly), at('20T02:00:05')))).toEqual(['20T02:00:00'])
  })

  it('makes none with skip, but does make one that is only late', () => {
    const skipping = entryOf({ ...nightly, missed: 'skip' })
    expect(plan(skipping, at('20T12:00:00'))).toMatchObject({ ticks: [], nextMs: at('21T02:00:00') })
    expect(times(plan(skipping, at('20T02:00:29')))).toEqual(['20T02:00:00'])
    expect(times(plan(skipping, at('20T02:00:31')))).toEqual([])
  })

  it('makes the newest with backfill', () => {
    const three = entryOf({ ...nightly, missed: { backfill: 3 } })
    expect(times(plan(three, at('20T12:00:00')))).toEqual(['18T02:00:00', '19T02:00:00', '20T02:00:00'])
    expect(times(plan(three, at('02T12:00:00')))).toEqual(['01T02:00:00', '02T02:00:00'])
    expect(plan(three, at('20T12:00:00'))).toMatchObject({
      cursorMs: at('20T12:00:00') - 30_001,
      nextMs: at('21T02:00:00'),
    })
  })

  it('backfills schedules that are uneven', () => {
    const weekend = crontab({ minute: '*/20', hour: '0,1', dayOfWeek: 'sat' })
    const late = plan(entryOf({ schedule: weekend, missed: { backfill: 8 } }), at('16T12:00:00'))
    const saturday = (day: string) =>
      ['00:00', '00:20', '00:40', '01:00', '01:20', '01:40'].map((time) => `${day}T${time}:00`)
    expect(times(late)).toEqual([...saturday('03').slice(-2), ...saturday('10')])
  })

  it('costs hardly more after a year than after a day', () => {
    const busy = entryOf({ schedule: 1, missed: { backfill: 100 } })
    const schedule = readSchedule(busy.definition.schedule)
    const next = vi.spyOn(schedule, 'next')
    const costOf = (days: number): number => {
      next.mockClear()
      const nowMs = START + days * 86_400_000
      expect(planEntry(busy, schedule, { space: 'app', nowMs, timeZone: 'UTC' }).ticks).toHaveLength(100 + 31)
      return next.mock.calls.length
    }
    // Two looks for each doubling of the time.
    expect(costOf(365)).toBeLessThanOrEqual(costOf(1) + 2 * Math.ceil(Math.log2(365)))
  })

  it('takes a great many late runs in several plans', () => {
    let busy = entryOf({ schedule: interval(0.001), missedAfterMs: 5_000 })
    const made: number[] = []
    for (let plans = 0; plans < 5; plans++) {
      const { ticks, cursorMs, nextMs } = plan(busy, START + 3_500)
      made.push(...ticks.map(({ tickMs }) => tickMs))
      busy = { ...busy, state: { ...busy.state, cursorMs } }
      expect(nextMs).toBe(plans < 3 ? START + 3_500 : START + 3_501)
    }
    expect(made).toEqual(Array.from({ length: 3_500 }, (_, index) => START + index + 1))
  })

  it.each(['skip', 'once', { backfill: 4 }] as const)(
    'never makes a run twice nor one of the future: %j',
    (missed) => {
      const minutes = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 8 })
      fc.assert(
        fc.property(minutes, fc.integer({ min: 0, max: 90_000 }), (pauses, jitterMs) => {
          let entry = entryOf({ schedule: crontab({ minute: '*/7' }), missed, jitterMs })
          let nowMs = START
          const made: number[] = []
          for (const pause of pauses) {
            nowMs += pause * 20_000
            const { ticks, cursorMs, nextMs } = plan(entry, nowMs)
            made.push(...ticks.map(({ tickMs }) => tickMs))
            entry = { ...entry, state: { ...entry.state, cursorMs } }
            expect(cursorMs).toBeLessThanOrEqual(nowMs)
            expect(nextMs ?? 0).toBeGreaterThan(nowMs)
          }
          expect(new Set(made).size).toBe(made.length)
          expect(made).toEqual([...made].sort((one, other) => one - other))
          expect(made.every((tickMs) => tickMs > START && tickMs <= nowMs)).toBe(true)
        }),
      )
    },
  )
})

describe('jitter', () => {
  const jittered = entryOf({ schedule: 60, jitterMs: 20_000 })

  it('moves each run by its own time, the same on every beat', () => {
    const delays = new Set<number>()
    for (let minute = 1; minute <= 20; minute++) {
      const cursorMs = START + (minute - 1) * 60_000
      const { nextMs = 0 } = plan({ ...jittered, state: { ...jittered.state, cursorMs } }, cursorMs)
      const delayMs = nextMs - (START + minute * 60_000)
      expect(delayMs).toBeGreaterThanOrEqual(0)
      expect(delayMs).toBeLessThanOrEqual(20_000)
      delays.add(delayMs)
    }
    expect(delays.size).toBeGreaterThan(15)
  })

  it('does not make a run before its moved time', () => {
    const { nextMs = 0 } = plan(jittered, START)
    expect(times(plan(jittered, nextMs - 1))).toEqual([])
    expect(times(plan(jittered, nextMs))).toEqual(['01T00:01:00'])
  })
})

describe('when the clock is set', () => {
  it('back by an hour, the entry goes with it', () => {
    const entry = entryOf({}, { anchorMs: at('05T00:00:10'), cursorMs: at('05T12:00:10') })
    const back = plan(entry, at('05T11:00:00'))
    expect(back).toMatchObject({
      ticks: [],
      cursorMs: at('05T11:00:00'),
      anchorMs: at('05T00:00:10'),
      isSetBack: true,
    })
    const after = { ...entry, state: { ...entry.state, cursorMs: back.cursorMs } }
    expect(plan(after, at('05T11:00:00')).nextMs).toBe(at('05T11:00:10'))
  })

  it('back before the entry existed, the entry begins anew', () => {
    const entry = entryOf({}, { anchorMs: at('05T00:00:10'), cursorMs: at('05T12:00:10') })
    expect(plan(entry, at('01T00:00:00'))).toMatchObject({
      cursorMs: at('01T00:00:00'),
      anchorMs: at('01T00:00:00'),
    })
  })

  it('back by seconds, as machines differ, nothing runs twice', () => {
    const entry = entryOf({}, { cursorMs: at('05T12:00:00') })
    expect(plan(entry, at('05T11:59:30'))).toMatchObject({
      ticks: [],
      cursorMs: at('05T12:00:00'),
      nextMs: at('05T12:01:00'),
    })
  })

  it('forward, what lies between was missed', () => {
    expect(times(plan(entryOf({}, { cursorMs: at('05T12:00:00') }), at('06T12:00:30')))).toEqual([
      '06T12:00:00',
    ])
  })
})

describe('a listing', () => {
  const next = (entry: Entry, nowMs: number) =>
    nextDueMs(entry, readSchedule(entry.definition.schedule), { space: 'app', nowMs, timeZone: 'UTC' })

  it('tells the next run from now on, in the entry’s zone', () => {
    const tokyo = entryOf({ schedule: crontab({ minute: 0, hour: 2 }), timezone: 'Asia/Tokyo' })
    expect(next(tokyo, at('10T00:00:00'))).toBe(at('10T17:00:00'))
  })

  it('tells nothing of what will not run', () => {
    expect(next(entryOf({ enabled: false }), START)).toBeUndefined()
    expect(next(entryOf({ schedule: clocked('2025-01-01T00:00:00Z') }), START)).toBeUndefined()
  })
})

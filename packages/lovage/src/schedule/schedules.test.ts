import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clocked,
  crontab,
  interval,
  readSchedule,
  type Schedule,
  type ScheduleWire,
  solar,
  toSchedule,
} from './index.js'

const utc = (text: string) => Date.parse(text)
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
const context = { anchorMs: utc('2026-01-01T10:45:30.250Z'), timeZone: 'UTC' }

describe('an interval', () => {
  it('counts from its anchor, whenever it is asked', () => {
    const half = interval(30)
    expect(iso(half.next(context.anchorMs, context))).toBe('2026-01-01T10:46:00.250Z')
    expect(iso(half.next(utc('2026-01-01T10:46:00.249Z'), context))).toBe('2026-01-01T10:46:00.250Z')
    expect(iso(half.next(utc('2026-04-01T00:00:00Z'), context))).toBe('2026-04-01T00:00:00.250Z')
  })

  it('has no run before it existed', () => {
    expect(iso(interval({ hours: 1 }).next(0, context))).toBe('2026-01-01T11:45:30.250Z')
  })

  it.each([
    ['every second', interval(1, { relative: true }), 'UTC', '2026-01-01T10:45:31.000Z'],
    [
      'every 90 seconds, cut to a minute',
      interval(90, { relative: true }),
      'UTC',
      '2026-01-01T10:46:00.000Z',
    ],
    ['every 2 hours', interval({ hours: 2 }, { relative: true }), 'UTC', '2026-01-01T12:00:00.000Z'],
    [
      'every hour in a zone of half hours',
      interval({ hours: 1 }, { relative: true }),
      'Asia/Kolkata',
      '2026-01-01T11:30:00.000Z',
    ],
    [
      'every 3 days in Tokyo',
      interval({ days: 3 }, { relative: true }),
      'Asia/Tokyo',
      '2026-01-03T15:00:00.000Z',
    ],
  ])('runs on the clock: %s', (_name, schedule, timeZone, expected) => {
    expect(iso(schedule.next(context.anchorMs, { ...context, timeZone }))).toBe(expected)
  })

  it('keeps to midnight when clocks change', () => {
    const berlin = { anchorMs: utc('2026-03-27T12:00:00Z'), timeZone: 'Europe/Berlin' }
    const everyOther = interval({ days: 2 }, { relative: true })
    const first = everyOther.next(berlin.anchorMs, berlin)
    expect(iso(first)).toBe('2026-03-28T23:00:00.000Z')
    expect(iso(everyOther.next(first, berlin))).toBe('2026-03-30T22:00:00.000Z')
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.0001])('of %s seconds is refused', (seconds) => {
    expect(() => interval(seconds)).toThrow('is invalid')
  })

  it('speaks plainly', () => {
    expect(interval(60).describe()).toBe('every minute')
    expect(interval({ days: 90 }).describe()).toBe('every 90 days')
    expect(interval(1.5).describe()).toBe('every 1500 ms')
    expect(interval(90, { relative: true }).describe()).toBe('every 90 seconds, on the clock')
  })
})

describe('a clocked schedule', () => {
  it('comes once', () => {
    const once = clocked('2027-01-01T09:00:00+01:00')
    expect(iso(once.next(context.anchorMs))).toBe('2027-01-01T08:00:00.000Z')
    expect(once.next(utc('2027-01-01T08:00:00Z'))).toBeUndefined()
  })

  it('wants an instant, not a time of some clock', () => {
    expect(() => clocked('2027-01-01T09:00:00')).toThrow('is not a valid time')
    expect(() => clocked('soon Z')).toThrow('is not a valid time')
  })
})

describe('a solar schedule', () => {
  it('knows the sunset of Melbourne', () => {
    // PyEphem, on which Celery stands, says 07:07:45.
    expect(iso(solar('sunset', -37.81, 144.96).next(utc('2026-06-19T00:00:00Z')))?.slice(0, 16)).toBe(
      '2026-06-19T07:07',
    )
  })

  it('waits through the polar night, and gives up where the event never comes', () => {
    const tromso = solar('sunrise', 69.65, 18.96).next(utc('2026-12-01T00:00:00Z'))
    expect(iso(tromso)?.slice(0, 10)).toBe('2027-01-15')
    expect(solar('dusk_astronomical', 89.9, 0).next(utc('2026-05-01T00:00:00Z'))).toBeGreaterThan(
      utc('2026-09-01T00:00:00Z'),
    )
  })

  it.each([
    ['eclipse', 0, 0, 'not a solar event'],
    ['sunset', 91, 0, 'latitude'],
    ['sunset', 0, Number.NaN, 'longitude'],
  ])('%s at %s, %s is refused', (event, latitude, longitude, why) => {
    // As a store or a program without types would ask.
    expect(() => solar(event as 'sunset', latitude, longitude)).toThrow(why)
  })
})

describe('every schedule', () => {
  const schedules: readonly [string, Schedule][] = [
    ['an interval', interval(7)],
    ['a relative interval', interval({ hours: 3 }, { relative: true })],
    ['a crontab', crontab({ minute: '*/20', hour: '1-3', dayOfWeek: 'sat,sun' })],
    ['dawn', solar('dawn_civil', 65.5, 25)],
    ['noon', solar('solar_noon', -12, -170)],
    ['a clocked one', clocked('2026-06-01T00:00:00Z')],
  ]

  it.each(schedules)('names a run by the same instant from wherever it is asked: %s', (_name, schedule) => {
    const zone = { anchorMs: utc('2026-01-01T00:00:00Z'), timeZone: 'Europe/Berlin' }
    const span = { min: utc('2026-01-01T00:00:00Z'), max: utc('2027-06-01T00:00:00Z') }
    fc.assert(
      fc.property(fc.integer(span), fc.double({ min: 0, max: 1, noNaN: true }), (afterMs, between) => {
        const next = schedule.next(afterMs, zone)
        if (next === undefined) return
        expect(next).toBeGreaterThan(afterMs)
        expect(Number.isInteger(next)).toBe(true)
        const closer = afterMs + Math.floor((next - 1 - afterMs) * between)
        expect(schedule.next(closer, zone)).toBe(next)
      }),
      { numRuns: 300 },
    )
  })

  it.each(schedules)('survives the store: %s', (_name, schedule) => {
    const read = readSchedule(JSON.parse(JSON.stringify(schedule.toWire())))
    expect(read.toWire()).toEqual(schedule.toWire())
    expect(read.describe()).toBe(schedule.describe())
    const zone = { ...context, timeZone: 'Asia/Tokyo' }
    expect(read.next(context.anchorMs, zone)).toBe(schedule.next(context.anchorMs, zone))
  })

  it('may be of a kind of your own', () => {
    const kinds = { everyPrime: (wire: ScheduleWire) => interval(Number(wire.n)) }
    expect(readSchedule({ kind: 'everyPrime', n: 7 }, kinds).describe()).toBe('every 7 seconds')
    expect(() => readSchedule({ kind: 'everyPrime', n: 7 })).toThrow(
      "The kind of schedule 'everyPrime' is not known",
    )
    expect(() => readSchedule({ kind: 'constructor' }, kinds)).toThrow('The kind of schedule')
  })

  it('may be given as seconds', () => {
    expect(toSchedule(30).describe()).toBe('every 30 seconds')
    expect(toSchedule(interval(60), { relative: true }).describe()).toBe('every minute, on the clock')
  })
})

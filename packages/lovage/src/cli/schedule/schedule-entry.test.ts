import { describe, expect, it } from 'vitest'
import { defineEntry } from '../../beat/index.js'
import { changesOf, missedOf, scheduleOf, secondsOf } from './schedule-entry.js'

describe('a time on the command line', () => {
  it.each([
    ['30', 30],
    ['1.5', 1.5],
    ['90s', 90],
    ['5m', 300],
    ['1h30m', 5_400],
    ['2d', 172_800],
  ])('%s is %s seconds', (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds)
  })
  it.each(['', '5 m', '-1', '1h30', 'm'])('%j is none', (text) => {
    expect(() => secondsOf(text)).toThrow("'1h30m'")
  })
})

describe('an entry on the command line', () => {
  it('has one schedule', () => {
    expect(scheduleOf({ every: 90 })?.describe()).toBe('every 90 seconds')
    expect(scheduleOf({ every: 3_600, relative: true })?.describe()).toBe('every hour, on the clock')
    expect(scheduleOf({ crontab: '0 2 * * *' })?.describe()).toBe('crontab 0 2 * * *')
    expect(scheduleOf({ solar: 'sunset, 52.52, 13.4' })?.describe()).toBe('sunset at 52.52, 13.4')
    expect(scheduleOf({ at: '2030-01-01T00:00:00Z' })?.describe()).toBe('once at 2030-01-01T00:00:00.000Z')
    expect(scheduleOf({})).toBeUndefined()
    expect(() => scheduleOf({ every: 1, crontab: '* * * * *' })).toThrow('one schedule')
    expect(() => scheduleOf({ solar: 'sunset,52' })).toThrow('longitude')
    expect(() => scheduleOf({ crontab: '0 2 * *' })).toThrow('4 fields')
  })

  it('changes what is named, and only that', () => {
    const before = defineEntry('x', { task: 't', schedule: 1, options: { queue: 'a', priority: 3 } })
    expect(changesOf({ queue: 'b' }, before)).toEqual({ options: { queue: 'b', priority: 3 } })
    expect(
      changesOf({ missedAfter: 60, jitter: 1.5, disabled: true, missed: missedOf('backfill:3') }),
    ).toEqual({
      missedAfterMs: 60_000,
      jitterMs: 1_500,
      enabled: false,
      missed: { backfill: 3 },
    })
    expect(changesOf({})).toEqual({})
    expect(() => missedOf('sometimes')).toThrow('skip, once, or backfill:N')
  })
})

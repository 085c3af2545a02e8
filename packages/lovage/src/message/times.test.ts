import { expect, test } from 'vitest'
import { formatTime, parseTime } from './index.js'

const AT = Date.UTC(2026, 10, 20, 20, 2, 49, 142)

test('the forms that Celery reads mean the same instant', () => {
  for (const text of [
    '2026-11-20T20:02:49.142514+00:00',
    '2026-11-20T20:02:49.142Z',
    '2026-11-20 20:02:49.142',
    '2026-11-20T15:02:49.142514-05:00',
    '2026-11-21T01:32:49,142+0530',
    '20261120T200249.142Z',
    '20261120T220249.142999+02',
  ]) {
    expect([text, parseTime(text)]).toEqual([text, AT])
  }
})

test('a time without an offset is UTC, a date alone its midnight', () => {
  expect(parseTime('2026-11-20T20:02')).toBe(Date.UTC(2026, 10, 20, 20, 2))
  expect(parseTime('2026-11-20')).toBe(Date.UTC(2026, 10, 20))
  expect(parseTime('2026-11-20T24:00:00')).toBe(Date.UTC(2026, 10, 21))
  expect(parseTime('0050-01-01')).toBe(new Date('0050-01-01T00:00:00Z').getTime())
})

test('what is no time is none', () => {
  for (const text of [
    '',
    'tomorrow',
    '1763668969',
    '2026-02-29',
    '2026-13-01',
    '2026-11-00',
    '2026-11-20T25:00',
    '2026-11-20T20:60',
    '2026-11-20T24:01',
    '2026-11-20T20:02:49+25:00',
    '2026-11-20T20:02:49.142Z ',
    '0000-01-01',
  ]) {
    expect([text, parseTime(text)]).toEqual([text, undefined])
  }
})

test('times are written with six digits and +00:00, which every Celery reads alike', () => {
  expect(formatTime(AT)).toBe('2026-11-20T20:02:49.142000+00:00')
  expect(formatTime(new Date('0001-01-01T00:00:00Z'))).toBe('0001-01-01T00:00:00.000000+00:00')
  for (const bad of [Number.NaN, Date.UTC(10_000, 0, 1), Number.POSITIVE_INFINITY]) {
    expect(() => formatTime(bad)).toThrow(RangeError)
  }
})

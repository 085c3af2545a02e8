import { expect, test } from 'vitest'
import { Decimal, PlainDate, PlainTime, Uuid } from './index.js'

test('decimals keep every digit', () => {
  expect(`${new Decimal('1.5000000000000000000000001')}`).toBe('1.5000000000000000000000001')
  expect(new Decimal(' 1E+5 ').toNumber()).toBe(100_000)
  expect(JSON.stringify({ price: new Decimal('1.50') })).toBe('{"price":"1.50"}')
  for (const odd of ['NaN', 'sNaN', 'Infinity', '-inf', '.5', '5.', 7, 7n])
    expect(() => new Decimal(odd)).not.toThrow()
  for (const bad of ['', '1,5', '0x1', '1e', '--1']) expect(() => new Decimal(bad)).toThrow(RangeError)
})

test('UUIDs take every form and print one', () => {
  const text = '11441ee4-266c-40fb-a731-7e24e165e050'
  for (const form of [text, text.toUpperCase(), text.replaceAll('-', ''), `{${text}}`, `urn:uuid:${text}`]) {
    expect(String(new Uuid(form))).toBe(text)
  }
  expect(() => new Uuid('11441ee4')).toThrow(RangeError)
})

test('dates are days of the calendar', () => {
  expect(new PlainDate('2024-02-29')).toMatchObject({ year: 2024, month: 2, day: 29 })
  expect(new PlainDate('2024-02-29').toDate()).toEqual(new Date('2024-02-29T00:00:00Z'))
  expect(() => new PlainDate('2023-02-29')).toThrow(RangeError)
})

test('times of day keep microseconds and their offset', () => {
  expect(String(new PlainTime('20:02:49.000001+02:00'))).toBe('20:02:49.000001+02:00')
  expect(String(new PlainTime('20:02Z'))).toBe('20:02:00+00:00')
  expect(() => new PlainTime('24:00')).toThrow(RangeError)
})

import { describe, expect, it } from 'vitest'
import { expandField, FIELDS, writeField } from './crontab-field.js'

describe('a crontab field', () => {
  it.each([
    ['*/15', 'minute', [0, 15, 30, 45]],
    ['1,13,30-33,50-59/4', 'minute', [1, 13, 30, 31, 32, 33, 50, 54, 58]],
    ['*/100', 'minute', [0]],
    ['22-2', 'hour', [0, 1, 2, 22, 23]],
    ['22-2/2', 'hour', [0, 2, 22]],
    ['0, 8-17/3', 'hour', [0, 8, 11, 14, 17]],
    ['mon-fri', 'dayOfWeek', [1, 2, 3, 4, 5]],
    ['Friday-monday', 'dayOfWeek', [0, 1, 5, 6]],
    ['sat,3', 'dayOfWeek', [3, 6]],
    ['*/3', 'dayOfMonth', [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31]],
    ['jan,September', 'monthOfYear', [1, 9]],
    ['2-12/5', 'monthOfYear', [2, 7, 12]],
    ['07', 'hour', [7]],
  ] as const)('%s in %s', (field, name, expected) => {
    expect(expandField(writeField(field), FIELDS[name])).toEqual(expected)
  })

  it.each([
    ['', 'minute', 'a part of it is empty'],
    ['1,,2', 'minute', 'a part of it is empty'],
    ['60', 'minute', '60 is not between 0 and 59'],
    ['7', 'dayOfWeek', 'Sunday is 0'],
    ['0', 'dayOfMonth', '0 is not between 1 and 31'],
    ['*/0', 'minute', 'a step of 0 never advances'],
    ['*/', 'minute', 'cannot be read'],
    ['5/10', 'minute', "a step needs '*' or a range before it"],
    ['-5', 'minute', 'cannot be read'],
    ['1.5', 'minute', 'cannot be read'],
    ['sun', 'hour', 'not a valid value of this field'],
    ['mon', 'monthOfYear', 'not a valid value of this field'],
    ['1-5x', 'minute', 'not a valid value of this field'],
  ] as const)('%s in %s is refused', (field, name, why) => {
    expect(() => expandField(field, FIELDS[name])).toThrow(why)
  })

  it('may be a number or any numbers, and reads as a pattern', () => {
    expect(writeField(5)).toBe('5')
    expect(writeField(new Set([1, 2]))).toBe('1,2')
    expect(writeField('1, 2')).toBe('1,2')
    expect(writeField(undefined)).toBe('*')
    expect(() => expandField(writeField(1.5), FIELDS.hour)).toThrow('cannot be read')
    expect(() => expandField(writeField([]), FIELDS.hour)).toThrow('empty')
  })
})

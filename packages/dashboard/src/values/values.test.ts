import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exceptionText } from './exception-text.js'
import { fromJson, toJson } from './lossless-json.js'
import { readPythonLiteral } from './python-literal.js'

describe('JSON', () => {
  test('keeps integers of any size exact, there and back', () => {
    const text = '{"a":12345678901234567890,"b":[-9007199254740993,1,2.5,1e30],"c":"12345678901234567890"}'
    expect(toJson(fromJson(text))).toBe(text.replace('1e30', '1e+30'))
    expect(fromJson('9007199254740993')).toBe(9007199254740993n)
    fc.assert(
      fc.property(fc.bigInt(), (n) => {
        expect(String(fromJson(toJson(n)))).toBe(String(n))
      }),
    )
  })

  test('is what JSON is, for everything else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(toJson(fromJson(text))).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })
})

test.each([
  [{ exc_type: 'ValueError', exc_message: ['no', 3], exc_module: 'builtins' }, "ValueError('no', 3)"],
  [{ exc_type: 'E', exc_message: "it's" }, 'E("it\'s")'],
  [new TypeError('x'), "TypeError('x')"],
  [{ result: 1 }, undefined],
])('the failure %j is shown as %s', (value, text) => {
  expect(exceptionText(value)).toBe(text)
})

describe('what events show of arguments', () => {
  test.each([
    ["('ada', 3)", ['ada', 3]],
    ['()', []],
    ['(1,)', [1]],
    ["{'a': [1, 2.5, None], 'b': {'c': True}}", { a: [1, 2.5, null], b: { c: true } }],
    ['[12345678901234567890, -7]', [12345678901234567890n, -7]],
    [`("it's", 'say "x"', 'a\\'b', '\\u00e9\\n\\x41')`, ["it's", 'say "x"', "a'b", 'é\nA']],
    ['[1e3, -.5]', [1000, -0.5]],
  ])('%s is read', (text, value) => {
    expect(readPythonLiteral(text)).toEqual(value)
  })

  test.each([
    ["('ada', 3", 'A comma or ) is missing at position 9'],
    ["('a very long te…", 'A string does not end at position 17'],
    ['(<Order 3>,)', 'It is not a plain value at position 1'],
    ['(datetime.date(2026, 1, 1),)', 'It is not a plain value at position 1'],
    ['(********)', 'It is not a plain value at position 1'],
    ['{1: 2}', 'A name is not a string at position 2'],
    ['(1) 2', 'There is more than one value at position 4'],
    ['('.repeat(1000), 'It is too deep at position 101'],
  ])('%s is no value, and it is said where', (text, message) => {
    expect(() => readPythonLiteral(text)).toThrow(message)
  })
})

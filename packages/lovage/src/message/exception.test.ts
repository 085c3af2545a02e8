import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { fromExceptionInfo, toExceptionInfo, tracebackOf } from './index.js'

const metas = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/celery/metas.json', import.meta.url), 'utf8'),
)

test('an error is stored under its name, or its class’s', () => {
  class Unavailable extends Error {}
  expect(toExceptionInfo(new TypeError('boom'))).toEqual({
    exc_type: 'TypeError',
    exc_message: ['boom'],
    exc_module: 'builtins',
  })
  expect(toExceptionInfo(new Unavailable('later')).exc_type).toBe('Unavailable')
})

test('whatever is thrown can be stored', () => {
  expect(toExceptionInfo('text')).toEqual({ exc_type: 'Error', exc_message: ['text'], exc_module: null })
  expect(toExceptionInfo({ code: 1 }).exc_message).toEqual(['{"code":1}'])
  const hostile = new Error('x')
  Object.defineProperty(hostile, 'stack', {
    get: () => {
      throw new Error('no')
    },
  })
  Object.defineProperty(hostile, 'name', {
    get: () => {
      throw new Error('no')
    },
  })
  for (const thrown of [undefined, null, 1n, Symbol('s'), () => 1, Object.create(null), hostile]) {
    const info = toExceptionInfo(thrown)
    expect(info.exc_type).not.toBe('')
    expect(typeof info.exc_message[0]).toBe('string')
    expect(typeof tracebackOf(thrown)).toBe('string')
  }
})

test('a traceback shows the causes and the errors within', () => {
  const root = new RangeError('root')
  const error = new Error('top', {
    cause: new AggregateError([new Error('one'), 'two'], 'many', { cause: root }),
  })
  const text = tracebackOf(error)
  for (const part of [
    'Error: top',
    '[cause]: AggregateError: many',
    '[error]: Error: one',
    'two',
    'RangeError: root',
  ]) {
    expect(text).toContain(part)
  }
})

test('a traceback ends with the frames of whoever wrote the task', () => {
  const ours = fileURLToPath(new URL('./', import.meta.url))
  const error = new Error('two\nlines')
  const stack = (...frames: readonly string[]): string => ['Error: two', 'lines', ...frames].join('\n')
  const inside = [
    `    at invoke (file://${ours}task.js:1:1)`,
    '    at AsyncLocalStorage.run (node:internal/x:1:1)',
    // As Node 20 has it.
    '    at AsyncLocalStorage.run (node:async_hooks:346:14)',
  ]
  error.stack = stack(
    '    at inner (/shop/bank.ts:1:1)',
    inside[0] ?? '',
    '    at run (/shop/app.ts:2:2)',
    ...inside,
  )
  expect(tracebackOf(error)).toBe(
    stack('    at inner (/shop/bank.ts:1:1)', inside[0] ?? '', '    at run (/shop/app.ts:2:2)'),
  )
  // One of the package's own has no others.
  error.stack = stack(...inside)
  expect(tracebackOf(error)).toBe(stack(...inside))
})

test('circular and endless causes end', () => {
  const a = new Error('a')
  const b = new Error('b', { cause: a })
  a.cause = b
  expect(tracebackOf(a)).toContain('[already shown]')
  let deep = new Error('0')
  for (let i = 0; i < 1000; i++) deep = new Error(String(i), { cause: deep })
  deep.stack = 'x'.repeat(1_000_000)
  expect(tracebackOf(deep).length).toBeLessThan(70_000)
})

test('stored exceptions of Python are read', () => {
  expect(fromExceptionInfo(metas.failure.result)).toEqual({
    type: 'ValueError',
    message: 'boom, 42',
    module: 'builtins',
    args: ['boom', 42],
  })
  expect(fromExceptionInfo(metas.chordError).message).toMatch(/^Dependency b1df/)
})

test('damaged exceptions still say what they can', () => {
  expect(fromExceptionInfo('just text')).toMatchObject({ type: 'Error', message: 'just text' })
  expect(fromExceptionInfo(null)).toEqual({ type: 'Error', message: '', module: null, args: [] })
  expect(fromExceptionInfo({ exc_message: 'only this' })).toMatchObject({
    type: 'Error',
    message: 'only this',
  })
  expect(fromExceptionInfo({ exc_type: 5, exc_message: { a: 1 } })).toMatchObject({ message: '{"a":1}' })
})

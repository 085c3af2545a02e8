import { expect, test } from 'vitest'
import { withEta } from './eta.js'

const AT = Date.UTC(2030, 0, 2, 3, 4, 5)
const WRITTEN = '"2030-01-02T03:04:05.000000+00:00"'

test.each([
  [
    'a time becomes another',
    '{"headers": {"eta" : "2029-01-01T00:00:00", "id": "a"}}',
    `{"headers": {"eta" : ${WRITTEN}, "id": "a"}}`,
  ],
  [
    'none becomes one',
    '{"headers":{"id":"a","eta":null},"body":"{\\"eta\\":1}"}',
    `{"headers":{"id":"a","eta":${WRITTEN}},"body":"{\\"eta\\":1}"}`,
  ],
  ['an absent one is added', '{"headers":{"id":"a"}}', `{"headers":{"eta":${WRITTEN},"id":"a"}}`],
  ['headers may be empty', '{"headers":{ }}', `{"headers":{"eta":${WRITTEN} }}`],
  [
    'an eta of something inside stays',
    '{"headers":{"stamps":{"eta":1},"eta":null}}',
    `{"headers":{"stamps":{"eta":1},"eta":${WRITTEN}}}`,
  ],
  ['what is no envelope stays', 'garbage', 'garbage'],
  ['what has no headers stays', '{"body":"x"}', '{"body":"x"}'],
])('%s', (_what, before, after) => {
  expect(withEta(before, AT)).toBe(after)
})

test('an ETA is taken away', () => {
  expect(withEta('{"headers":{"eta":"2029-01-01T00:00:00","n":9007199254740993}}', undefined)).toBe(
    '{"headers":{"eta":null,"n":9007199254740993}}',
  )
  expect(withEta('{"headers":{"id":"a"}}', undefined)).toBe('{"headers":{"id":"a"}}')
})

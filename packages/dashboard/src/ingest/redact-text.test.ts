import { expect, test } from 'vitest'
import { redactText } from './redact-text.js'

const none: ReadonlySet<string> = new Set()

test.each([
  ["{'password': 'hunter2', 'user': 'ada'}", "{'password': '********', 'user': 'ada'}"],
  ['{"api_key": "k-1", "n": 3}', '{"api_key": "********", "n": 3}'],
  ["{'token': 4711}", "{'token': ********}"],
  ["ValueError('secret=abc, next')", "ValueError('secret=********, next')"],
  ['connect to redis://ada:pw@host/0 failed', 'connect to redis://ada:********@host/0 failed'],
  ["{'Authorization': 'Bearer a.b.c'}", "{'Authorization': '********'}"],
  ["{'password': 'it\\'s long', 'b': 1}", "{'password': '********', 'b': 1}"],
  ["{'password': 'cut off at the e…", "{'password': '********'"],
  ["('ada', 3)", "('ada', 3)"],
  ["{'monkey': 'bars'}", "{'monkey': 'bars'}"],
])('%s is kept as %s', (text, kept) => {
  expect(redactText(text, none)).toBe(kept)
})

test('names of one’s own are hidden, too', () => {
  expect(redactText("{'iban': 'DE1', 'n': 1}", new Set(['iban']))).toBe("{'iban': '********', 'n': 1}")
})

test('takes no time that grows with what is sent', () => {
  const startMs = performance.now()
  for (const text of [
    "'".repeat(16_000),
    'token='.repeat(3000),
    '\\'.repeat(16_000),
    `{'key': '${'\\'.repeat(9000)}`,
  ])
    redactText(text, none)
  expect(performance.now() - startMs).toBeLessThan(1000)
})

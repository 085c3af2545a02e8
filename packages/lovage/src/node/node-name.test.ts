import { describe, expect, test } from 'vitest'
import { expandName, fileNameFrom, nodeNameFrom } from './node-name.js'

describe('the name of a node', () => {
  test.each([
    [undefined, 'celery@box.example.com'],
    ['webhook-enrichment@%h', 'webhook-enrichment@box.example.com'],
    ['w1@%n', 'w1@box'],
    ['w1@%d', 'w1@example.com'],
    ['w1.%n@%h', 'w1.box@box.example.com'],
    ['other', 'celery@other'],
    ['100%%@%h', '100%@box.example.com'],
    ['%x@%h', '%x@box.example.com'],
  ])('from %s is %s', (template, name) => {
    expect(nodeNameFrom(template, 'box.example.com')).toBe(name)
  })
})

test('a file is named after its node, and a child’s file after the child too', () => {
  expect(fileNameFrom('/var/log/%n%I.log', 'w1@box')).toBe('/var/log/w1.log')
  expect(fileNameFrom('/var/log/%n%I.log', 'w1@box', 3)).toBe('/var/log/w1-3.log')
  expect(fileNameFrom('%n-%i@%h.pid', 'w1@box')).toBe('w1-0@box.pid')
  expect(expandName('%d', { host: 'box' })).toBe('')
})

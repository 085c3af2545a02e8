import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AmqpDelivery } from '../client/index.js'
import { Claim, Redelivered } from './claim.js'
import { ORPHANS } from './orphans.js'
import type { Source } from './source.js'

/** A claim acknowledges on its source and reads nothing from it. */
const source = {} as Source

const delivery = (
  headers: Readonly<Record<string, unknown>>,
  over: Partial<AmqpDelivery> = {},
): AmqpDelivery => ({
  tag: 1,
  consumerTag: 'c',
  redelivered: true,
  exchange: '',
  routingKey: 'q',
  properties: { headers },
  headers,
  body: Buffer.from('{}'),
  ...over,
})

const NAMES = [
  'id',
  'retries',
  'task',
  'expires',
  'x-death',
  'x-lovage-route',
  'x-delivery-count',
  'x-lovage-redeliveries',
  '__proto__',
]
const VALUES: readonly unknown[] = [
  { '!': 'decimal' },
  { '!': 'decimal', value: { places: {}, digits: null } },
  { '!': 'timestamp', value: { valueOf: 1, toString: 1 } },
  { toString: 1, valueOf: null },
  [{ queue: {}, reason: { toString: 1 } }],
  ['a', 'b', { toString: 1 }, {}],
  Number.NaN,
  2n ** 62n,
  Buffer.from([0xff]),
  null,
  true,
]

describe('a claim', () => {
  it('is made of any headers, and so are its key, its bytes and what is known of its redelivery', () => {
    const value = fc.oneof(fc.constantFrom(...VALUES), fc.anything())
    const headers = fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), value)
    const exchange = fc.constantFrom('', ORPHANS, 'celery_delayed_delivery', 'celery_delayed_3')
    fc.assert(
      fc.property(headers, exchange, fc.constantFrom('q', ORPHANS), (table, from, queue) => {
        const claim = new Claim(1, queue, delivery(table, { exchange: from }), source)
        const known = new Redelivered()
        known.expect(claim)
        known.settled(claim)
        expect(claim.raw.length).toBeGreaterThan(0)
        expect(typeof claim.key === 'string' || claim.key === undefined).toBe(true)
        expect(typeof known.mustCount(claim)).toBe('boolean')
        expect(typeof claim.queue).toBe('string')
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps in its bytes what JSON can say', () => {
    const { raw } = new Claim(
      1,
      'q',
      delivery({ id: 'x', task: 't', odd: Buffer.from([0xff]), n: Number.NaN }),
      source,
    )
    expect(raw.toString()).toContain('"id":"x"')
  })
})

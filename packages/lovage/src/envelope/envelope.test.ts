import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MessageError } from '../kernel/index.js'
import type { OutgoingMessage } from '../message/index.js'
import { decodeEnvelope, type EnvelopeMessage, encodeEnvelope } from './envelope.js'
import { markRedelivered } from './redelivered.js'

const golden = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/celery/messages.json', import.meta.url), 'utf8'),
)

/** A fixture as it stands on Redis. */
function envelopeOf(name: string): Record<string, unknown> {
  const fixture = golden[name]
  return { ...fixture, body: Buffer.from(JSON.stringify(fixture.body)).toString('base64') }
}

function read(raw: string | Buffer): EnvelopeMessage {
  const message = decodeEnvelope(raw, (priority) => (priority === undefined ? undefined : 9 - priority))
  if (message instanceof MessageError) throw message
  return message
}

function problem(raw: string | Buffer): MessageError {
  const message = decodeEnvelope(raw, () => undefined)
  if (message instanceof MessageError) return message
  throw new Error('was taken')
}

const MESSAGE: OutgoingMessage = {
  headers: { task: 't.add', id: 'i', custom: { at: new Date(0), big: 2n ** 60n } },
  body: '[[1,"é"],{},{}]',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  properties: { correlationId: 'i', replyTo: 'r"', deliveryMode: 2, priority: 7, expiration: '60000' },
  exchange: 'x',
  routingKey: 'q',
}

describe('an envelope', () => {
  test('of Celery is read with every property', () => {
    const message = read(JSON.stringify(envelopeOf('retried')))
    expect(message).toEqual({
      headers: golden.retried.headers,
      body: Buffer.from(JSON.stringify(golden.retried.body)),
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: {
        correlationId: '3875caca-6a7c-4b5e-8f47-0f7a4f0c1d22',
        replyTo: '50daac0a-0f0e-4f4e-9a3d-2b8b4c9b7e10',
        deliveryMode: 2,
        priority: 9,
        expiration: '49670',
      },
      exchange: '',
      routingKey: 'spec_q',
      redelivered: false,
      deliveryTag: '4a3a1c80-7bd8-4b44-93a5-cc2c6c1a0c55',
    })
  })

  test('is read back as it was written', () => {
    const raw = encodeEnvelope(MESSAGE, (priority) => 9 - (priority ?? 9), 'tag-1')
    expect(JSON.parse(raw).properties).toEqual({
      correlation_id: 'i',
      reply_to: 'r"',
      delivery_mode: 2,
      delivery_info: { exchange: 'x', routing_key: 'q' },
      priority: 2,
      expiration: '60000',
      body_encoding: 'base64',
      delivery_tag: 'tag-1',
    })
    for (const form of [raw, Buffer.from(raw)]) {
      expect(read(form)).toEqual({
        ...MESSAGE,
        body: Buffer.from(MESSAGE.body),
        redelivered: false,
        deliveryTag: 'tag-1',
      })
    }
  })

  test('may hold its body as text, and lack what is not needed', () => {
    const message = read(
      '{"body":"[[],{},{}]","content-type":"application/json","properties":{"delivery_tag":"t","delivery_info":{"exchange":""}}}',
    )
    expect(message).toMatchObject({
      body: '[[],{},{}]',
      headers: {},
      contentEncoding: 'utf-8',
      routingKey: '',
    })
    expect(message.properties).toEqual({ correlationId: null, replyTo: null, deliveryMode: 2 })
  })

  test('whose header cannot be written is refused with the path', () => {
    expect(() => encodeEnvelope({ ...MESSAGE, headers: { f: [() => 1] } }, () => 0, 't')).toThrow(
      'headers.f[0] cannot',
    )
  })
})

describe('a large envelope is read as a small one is', () => {
  const large = `[["${'é1234567890123456789 __ '.repeat(400)}"],{},{}]`
  const body = Buffer.from(large).toString('base64')
  const ours = encodeEnvelope({ ...MESSAGE, body: large }, (priority = 0) => 9 - priority, 'tag')
  const { body: _, ...rest } = JSON.parse(ours)
  const spaced = (text: string): string =>
    text.replace('{"body":"', '{"body": "').replace('","content', '", "content')

  test.each([
    ['as we write it', ours],
    ['as Python writes it', spaced(ours)],
    ['with escaped slashes', ours.replace(body, body.replaceAll('/', '\\/'))],
    ['with its body at the end', JSON.stringify({ ...rest, body })],
    ['with two bodies, of which the last counts', ours.replace('{"body":"', '{"body":"AAAA","body":"')],
    ['with a false body first', `{"body":"${'A'.repeat(8000)}",${ours.slice(1)}`],
  ])('%s', (_form, raw) => {
    const { body: bytes, deliveryTag, headers } = read(raw)
    expect(bytes.toString()).toBe(large)
    expect([deliveryTag, headers.task]).toEqual(['tag', 't.add'])
  })

  test('also when its body is text', () => {
    const text = 'x"y'.repeat(3000)
    expect(
      read(
        JSON.stringify({ body: text, ...rest, properties: { ...rest.properties, body_encoding: 'utf-8' } }),
      ).body,
    ).toBe(text)
  })

  test.each([
    ['a body that is not base64', ours.replace(body, `${body.slice(0, -8)}*${body.slice(-8)}`), /base64/],
    ['an end that is missing', ours.slice(0, -3), /JSON/],
    ['a body without an end', `{"body":"${'A'.repeat(8000)}`, /JSON/],
    ['a header of a reserved name', ours.replace('"headers":{', '"headers":{"__proto__":1,'), /__proto__/],
  ])('and refused for %s', (_what, raw, reason) => {
    expect(problem(raw).message).toMatch(reason)
  })
})

describe('a malformed envelope becomes an error, never an exception', () => {
  const good = envelopeOf('v2')
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
  const properties = (change: Record<string, unknown>) => ({
    ...good,
    properties: { ...(good.properties as object), ...change },
  })
  const cases: readonly (readonly [string, unknown])[] = [
    ['no properties', without('properties')],
    ['no properties', { ...good, properties: [] }],
    ['no delivery_tag', properties({ delivery_tag: undefined })],
    ['no delivery_tag', properties({ delivery_tag: 5 })],
    ['no delivery_info', properties({ delivery_info: undefined })],
    ['no exchange', properties({ delivery_info: { routing_key: 'q' } })],
    ['routing_key', properties({ delivery_info: { exchange: '', routing_key: 5 } })],
    ["body_encoding 'rot13'", properties({ body_encoding: 'rot13' })],
    ['no content-type', without('content-type')],
    ['content-encoding', { ...good, 'content-encoding': 8 }],
    ['no body', without('body')],
    ['no body', { ...good, body: { a: 1 } }],
    ['not valid base64', { ...good, body: 'W1sxLCAyXS%%e30' }],
    ['not valid base64', { ...good, body: 'W1s' }],
    ['headers are not an object', { ...good, headers: [1] }],
    ['not a JSON object', []],
    ['not a JSON object', 'text'],
    ['not a JSON object', null],
  ]
  for (const [reason, value] of cases) {
    test(`${reason}: ${JSON.stringify(value)?.slice(0, 40)}`, () => {
      const error = problem(JSON.stringify(value))
      expect(error.code).toBe('LVG_MESSAGE_MALFORMED')
      expect(error.message).toContain(reason)
    })
  }

  test('text that is no JSON, and bytes that are no text', () => {
    for (const raw of ['', '{', 'hello', Buffer.from([0xff, 0xfe, 0x00])]) {
      expect(problem(raw).code).toBe('LVG_MESSAGE_MALFORMED')
    }
  })

  test('the delivery tag is told when it could be read', () => {
    const error = problem(JSON.stringify({ ...good, body: '%' }))
    expect(error.details.deliveryTag).toBe('082f43d5-a93d-4d0a-92b5-7a1e365ade89')
  })

  test('whatever the bytes', () => {
    const raw = Buffer.from(JSON.stringify(good))
    const damaged = fc
      .array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
      .map((changes) => {
        const copy = Buffer.from(raw)
        for (const [at, byte] of changes) copy[at] = byte
        return copy
      })
    const anything = fc.oneof(
      damaged,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json(),
      fc.string(),
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        const message = decodeEnvelope(bytes, () => undefined)
        expect(message instanceof MessageError || typeof message.deliveryTag === 'string').toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('marking a message as redelivered', () => {
  test('sets both flags and touches nothing else', () => {
    const raw =
      '{"body": "W10=", "headers": {"id": "a\\"}", "n": 12345678901234567890, "x": NaN, "f": 1.0},' +
      ' "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "odd": [1e400, {"headers": {}}]}}'
    expect(markRedelivered(raw)).toBe(
      raw
        .replace('"headers": {"id"', '"headers": {"redelivered":true,"id"')
        .replace('"delivery_info": {', '"delivery_info": {"redelivered":true,'),
    )
  })

  test('again changes nothing, and a false flag becomes true', () => {
    const raw = JSON.stringify(envelopeOf('chained'))
    const once = markRedelivered(raw)
    expect(read(once).redelivered).toBe(true)
    expect(markRedelivered(once)).toBe(once)
    expect(markRedelivered(once.replaceAll('"redelivered":true', '"redelivered": false '))).toBe(
      once.replaceAll('"redelivered":true', '"redelivered": true '),
    )
  })

  test('fills an empty object', () => {
    expect(markRedelivered('{"headers":{ },"properties":{"delivery_info":{}}}')).toBe(
      '{"headers":{"redelivered":true },"properties":{"delivery_info":{"redelivered":true}}}',
    )
  })

  test('leaves alone what is no envelope', () => {
    for (const raw of [
      '',
      '[]',
      '{',
      '{"headers',
      '{"headers":',
      '{"headers":5,"properties":{"delivery_info":null}}',
    ]) {
      expect(markRedelivered(raw)).toBe(raw)
    }
  })

  test('of any JSON object changes the two flags alone', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(
        object,
        object,
        fc.jsonValue(),
        fc.constantFrom(undefined, 1, '\t'),
        (headers, info, other, indent) => {
          const value = { other, headers, properties: { other, delivery_info: info, more: other } }
          const marked = JSON.parse(markRedelivered(JSON.stringify(value, null, indent)))
          expect(marked).toEqual(
            JSON.parse(
              JSON.stringify({
                other,
                headers: { ...headers, redelivered: true },
                properties: { other, delivery_info: { ...info, redelivered: true }, more: other },
              }),
            ),
          )
        },
      ),
    )
  })
})

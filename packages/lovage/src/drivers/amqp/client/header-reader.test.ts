import { describe, expect, it } from 'vitest'
import { HeaderReader, UNREADABLE } from './header-reader.js'

const entry = (name: string, letter: string, value: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from([name.length]), Buffer.from(name + letter), Buffer.from(value)])
const long = (content: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
const number = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}
const text = (value: string): Buffer => long(Buffer.from(value))

/** A content header frame with a content type, these headers, a delivery mode and a correlation id. */
function frame(table: Buffer, id = 'an id'): Buffer {
  const payload = Buffer.concat([
    Buffer.from([0, 60, 0, 0]),
    number(2n),
    Buffer.from([0xb4, 0x00]),
    Buffer.from([4]),
    Buffer.from('text'),
    long(table),
    Buffer.from([2]),
    Buffer.from([Buffer.byteLength(id)]),
    Buffer.from(id),
  ])
  const head = Buffer.alloc(7)
  head[0] = 2
  head.writeUInt16BE(1, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}

const headersOf = (bytes: Buffer): unknown => new HeaderReader().read(bytes)?.frame.fields.headers

describe('content headers of incoming messages', () => {
  it('are read with all that is after them left', () => {
    const rest = Buffer.from('the next frame')
    const read = new HeaderReader().read(Buffer.concat([frame(entry('task', 'S', text('add'))), rest]))
    expect(read?.frame).toEqual({
      id: 60,
      channel: 1,
      size: 2,
      fields: { contentType: 'text', headers: { task: 'add' }, deliveryMode: 2, correlationId: 'an id' },
    })
    expect(read?.rest.equals(rest)).toBe(true)
  })

  it('may hold every type that RabbitMQ has, and the long integers of the specification and of Python', () => {
    const table = Buffer.concat([
      entry('t', 't', Buffer.from([1])),
      entry('b', 'b', Buffer.from([0xff])),
      entry('B', 'B', Buffer.from([0xff])),
      entry('s', 's', Buffer.from([0xff, 0xfe])),
      entry('u', 'u', Buffer.from([0xff, 0xfe])),
      entry('I', 'I', Buffer.from([0xff, 0xff, 0xff, 0xff])),
      entry('i', 'i', Buffer.from([0xff, 0xff, 0xff, 0xff])),
      entry('l', 'l', number(-(2n ** 40n))),
      entry('L', 'L', number(2n ** 40n)),
      entry('f', 'f', Buffer.from([0x3f, 0x80, 0, 0])),
      entry('d', 'd', Buffer.from([0x3f, 0xf0, 0, 0, 0, 0, 0, 0])),
      entry('D', 'D', Buffer.from([2, 0, 0, 0, 150])),
      entry('T', 'T', number(1_800_000_000n)),
      entry('V', 'V', ''),
      entry('S', 'S', text('é€😀')),
      entry('x', 'x', long(Buffer.from([0, 255]))),
      entry('A', 'A', long(Buffer.concat([Buffer.from('L'), number(8n), Buffer.from('V')]))),
      entry('F', 'F', long(entry('!', 'S', text('timestamp')))),
      entry('__proto__', 'V', ''),
    ])
    expect(headersOf(frame(table))).toEqual({
      ...{ t: true, b: -1, B: 255, s: -2, u: 65_534, I: -1, i: 4_294_967_295, l: -(2 ** 40), L: 2 ** 40 },
      ...{ f: 1, d: 1, D: 1.5, T: 1_800_000_000, V: null, S: 'é€😀', x: Buffer.from([0, 255]) },
      ...{ A: [8, null], F: { '!': 'timestamp' } },
    })
  })

  it('are their own, however like those before they are', () => {
    const reader = new HeaderReader()
    const tables: readonly (readonly [string, string])[][] = [
      [['task', 'add'], ['id', 'aa'], ['shadow', '']],
      [['task', 'add'], ['id', 'ab']],
      [['id', 'ab'], ['task', 'é']],
      [['id', 'a'], ['task', 'Ã©']],
      [['task', 'add'], ['id', 'aa'], ['shadow', 'x'.repeat(100)]],
      [['task', 'add'], ['id', 'aa'], ['shadow', '']],
    ] // biome-ignore format: one table a line
    for (const table of tables) {
      const bytes = frame(
        Buffer.concat(table.map(([name, value]) => entry(name, 'S', text(value)))),
        table[0]?.[1],
      )
      const { fields } = reader.read(bytes)?.frame ?? {}
      expect(fields?.headers).toEqual(Object.fromEntries(table))
      expect(fields?.correlationId).toBe(table[0]?.[1])
    }
  })

  const deep = (): Buffer => {
    let table = entry('n', 'V', '')
    for (let level = 0; level < 12_000; level++) table = entry('n', 'F', long(table))
    return table
  }
  it.each([
    [
      'have a letter that nobody knows',
      Buffer.concat([entry('a', 'V', ''), entry('x', 'U', Buffer.from([0, 1]))]),
    ],
    ['are so deep that reading them would exhaust the stack', deep()],
    ['are cut off', entry('abc', 'S', Buffer.from([0, 0, 0, 9]))],
    ['have a name that is longer than they are', Buffer.from([9, 97])],
    ['have a table that is longer than they are', entry('f', 'F', Buffer.from([0, 0, 0, 9]))],
  ])('become one entry of bytes when they %s', (_, table) => {
    const read = new HeaderReader().read(frame(table))
    expect(read?.frame.fields).toEqual({
      contentType: 'text',
      headers: { [UNREADABLE]: table },
      deliveryMode: 2,
      correlationId: 'an id',
    })
  })

  it('are left to the library while their frame is not complete, and when it is none of ours', () => {
    const whole = frame(entry('task', 'S', text('add')))
    for (let length = 0; length < whole.length; length++)
      expect(new HeaderReader().read(whole.subarray(0, length))).toBeUndefined()
    const tooLong = Buffer.from(whole)
    tooLong.writeUInt32BE(2 ** 31, 7 + 14 + 5)
    for (const bytes of [Buffer.concat([Buffer.from([1]), whole.subarray(1)]), tooLong])
      expect(new HeaderReader().read(bytes)).toBeUndefined()
  })
})

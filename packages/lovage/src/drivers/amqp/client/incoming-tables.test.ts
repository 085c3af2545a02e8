import { describe, expect, it } from 'vitest'
import { mendIncomingTable, UNREADABLE } from './incoming-tables.js'

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

/** A content header frame with a content type, these headers, and a delivery mode. */
function frame(table: Buffer): Buffer {
  const payload = Buffer.concat([
    Buffer.from([0, 60, 0, 0]),
    number(2n),
    Buffer.from([0xb0, 0x00]),
    Buffer.from([4]),
    Buffer.from('text'),
    long(table),
    Buffer.from([2]),
  ])
  const head = Buffer.alloc(7)
  head[0] = 2
  head.writeUInt16BE(1, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}

describe('header tables of incoming frames', () => {
  const nested = (letter: string): Buffer =>
    Buffer.concat([
      entry('a', letter, number(-(2n ** 40n))),
      entry('f', 'F', long(entry('b', letter, number(7n)))),
      entry('l', 'A', long(Buffer.concat([Buffer.from(letter), number(8n), Buffer.from('V')]))),
      entry('s', 'S', long(Buffer.from('LLL'))),
    ])

  it('say l where Python says L, at any depth, and are else unchanged', () => {
    const bytes = frame(nested('L'))
    mendIncomingTable(bytes)
    expect(bytes.equals(frame(nested('l')))).toBe(true)
  })

  it('become one entry of bytes when they cannot be read', () => {
    const table = Buffer.concat([
      entry('task', 'S', long(Buffer.from('add'))),
      entry('x', 'U', Buffer.from([0, 1])),
    ])
    const bytes = frame(table)
    mendIncomingTable(bytes)
    expect(bytes.equals(frame(entry(UNREADABLE, 'x', long(table.subarray(0, -7)))))).toBe(true)
  })

  it('become one entry of bytes when they are so deep that reading them would exhaust the stack', () => {
    let table = entry('n', 'V', '')
    for (let level = 0; level < 12_000; level++) table = entry('n', 'F', long(table))
    const bytes = frame(table)
    mendIncomingTable(bytes)
    expect(bytes.equals(frame(entry(UNREADABLE, 'x', long(table.subarray(0, -7)))))).toBe(true)
  })

  it.each([
    ['too short for an entry of bytes', entry('x', 'U', ''), entry('?', 'V', '')],
    ['cut off', entry('abc', 'S', Buffer.from([0, 0, 0, 9])), entry('?', 'x', long(Buffer.from([3, 97])))],
  ])('become an entry of the same length when they are %s', (_, table, mended) => {
    const bytes = frame(table)
    mendIncomingTable(bytes)
    expect(bytes.equals(frame(mended))).toBe(true)
  })

  it('are left alone while their frame is not complete, and in frames of other kinds', () => {
    const whole = frame(nested('L'))
    for (const bytes of [whole.subarray(0, 30), Buffer.concat([Buffer.from([1]), whole.subarray(1)])]) {
      const before = Buffer.from(bytes)
      mendIncomingTable(bytes)
      expect(bytes.equals(before)).toBe(true)
    }
  })
})

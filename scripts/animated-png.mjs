/** An animated PNG of still ones, whose compressed pixels it takes as they are: no decoder, no loss. */
import { crc32 } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** The chunks of a PNG file. */
function chunksOf(png) {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('this is no PNG')
  const chunks = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += length + 12
  }
  return chunks
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

const numbers = (...values) => {
  const data = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) data.writeUInt32BE(value, 4 * index)
  return data
}

/**
 * @param {readonly Buffer[]} pngs Of one kind of pixel; the first is the largest, and what programs without animation show.
 * @param {number} frameMs How long each is shown.
 */
export function animatedPng(pngs, frameMs) {
  const frames = pngs.map((png) => {
    const chunks = chunksOf(png)
    const header = chunks.find(({ type }) => type === 'IHDR')?.data
    const pixels = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
    if (header === undefined) throw new Error('this PNG has no header')
    return { header, pixels, width: header.readUInt32BE(0), height: header.readUInt32BE(4) }
  })
  const [first] = frames
  if (!first) throw new Error('no pictures')
  let sequence = 0
  const parts = [SIGNATURE, chunk('IHDR', first.header), chunk('acTL', numbers(frames.length, 0))]
  for (const [index, { header, pixels, width, height }] of frames.entries()) {
    if (!header.subarray(8).equals(first.header.subarray(8)))
      throw new Error(`picture ${index + 1} has another kind of pixel`)
    if (width > first.width || height > first.height)
      throw new Error(`picture ${index + 1} is larger than the first`)
    const times = Buffer.alloc(6)
    times.writeUInt16BE(frameMs)
    times.writeUInt16BE(1000, 2)
    // Cleared afterwards: the next may be smaller.
    times.writeUInt8(1, 4)
    parts.push(chunk('fcTL', Buffer.concat([numbers(sequence++, width, height, 0, 0), times])))
    parts.push(
      index === 0 ? chunk('IDAT', pixels) : chunk('fdAT', Buffer.concat([numbers(sequence++), pixels])),
    )
  }
  return Buffer.concat([...parts, chunk('IEND', Buffer.alloc(0))])
}

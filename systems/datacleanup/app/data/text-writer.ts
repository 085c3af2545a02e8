import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'

/** Reads and writes go in pieces of so many bytes. */
export const CHUNK = 1 << 16

/** So much may wait for the disk before more is read: one piece is always on its way. */
const AHEAD = 4 * CHUNK

/** Writes rows, with back pressure: `write` returns what is to be waited for. */
export interface RowWriter {
  write(row: readonly string[]): Promise<void> | undefined
  end(): Promise<void>
}

/** The same for text. */
export interface TextWriter {
  write(text: string): Promise<void> | undefined
  end(): Promise<void>
}

/** Opens a file to write text into, in large pieces. */
export function writeText(path: string): TextWriter {
  const file = createWriteStream(path, { highWaterMark: AHEAD })
  const failed = new Promise<never>((_, reject) => file.once('error', reject))
  // Whoever waits for room, or for the end, hears of it.
  failed.catch(() => {})
  const room = roomIn(file, failed)
  let held = ''
  const flush = (): Promise<void> | undefined => {
    const hasRoom = file.write(held)
    held = ''
    return hasRoom ? undefined : room()
  }
  return {
    write(text) {
      held += text
      return held.length < CHUNK ? undefined : flush()
    },
    async end() {
      await flush()
      await Promise.race([new Promise<void>((resolve) => file.end(resolve)), failed])
    },
  }
}

/** Waits for room in a stream that was full, unless it fails first; all who wait share one listener. */
export function roomIn(stream: Writable, failed: Promise<void>): () => Promise<void> {
  let waiting: Promise<void> | undefined
  return () => {
    waiting ??= Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), failed]).finally(
      () => {
        waiting = undefined
      },
    )
    return waiting
  }
}

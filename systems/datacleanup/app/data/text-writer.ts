import { createWriteStream } from 'node:fs'

/** Reads and writes go in pieces of so many bytes. */
export const CHUNK = 1 << 16

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
  const file = createWriteStream(path, { highWaterMark: CHUNK })
  const failed = new Promise<never>((_, reject) => file.once('error', reject))
  // Whoever waits for room, or for the end, hears of it.
  failed.catch(() => {})
  let held = ''
  const flush = (): Promise<void> | undefined => {
    const hasRoom = file.write(held)
    held = ''
    return hasRoom
      ? undefined
      : Promise.race([new Promise<void>((resolve) => file.once('drain', resolve)), failed])
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

import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { CsvError, parse } from 'csv-parse'
import { Refused } from '../core/errors.js'
import { CHUNK, type RowWriter, writeText } from './text-writer.js'

const SEPARATORS = [',', ';', '\t', '|']

/** Told of every row, the header first; what it returns is waited for before another piece of the file is read. */
export type OnRow = (row: string[]) => Promise<void> | undefined

/**
 * Reads a CSV file row by row, in constant memory. The separator is the one that the first line has most of.
 * @throws {Refused} naming the line that is no CSV.
 */
export async function readCsv(path: string, onRow: OnRow, signal?: AbortSignal): Promise<void> {
  const parser = parse({
    bom: true,
    delimiter: await separatorOf(path),
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: CHUNK * 16,
  })
  const waits: Promise<void>[] = []
  let failure: unknown
  // A parser that is paused keeps the rest of its piece as a queue of rows, at the cost of half the reading; so it never is, and the next
  // piece waits instead.
  parser.on('data', (row: string[]) => {
    if (failure !== undefined) return
    try {
      const wait = onRow(row)
      if (wait) waits.push(wait)
    } catch (error) {
      failure = error
    }
  })
  const given = async (): Promise<void> => {
    if (failure !== undefined) throw failure
    if (waits.length > 0) await Promise.all(waits.splice(0))
  }
  const ended = finished(parser)
  // Whoever writes, or waits for the end, hears of it.
  ended.catch(() => {})
  try {
    for await (const piece of createReadStream(path, { highWaterMark: CHUNK, signal })) {
      if (!parser.write(piece)) await Promise.race([once(parser, 'drain'), ended])
      if (parser.errored) break
      await given()
    }
    parser.end()
    await ended
    await given()
  } catch (error) {
    parser.destroy()
    signal?.throwIfAborted()
    // csv-parse says what is wrong, and on which line.
    if (error instanceof CsvError)
      throw new Refused(`The file is not valid CSV: ${error.message}`, { cause: error })
    throw error
  }
}

const NEEDS_QUOTES = /[",\r\n]/

/** Opens a file to write CSV into, as RFC 4180 has it. */
export function writeCsv(path: string): RowWriter {
  const file = writeText(path)
  return {
    write(row) {
      let line = ''
      for (let at = 0; at < row.length; at++) {
        const cell = row[at] ?? ''
        if (at > 0) line += ','
        line += NEEDS_QUOTES.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
      }
      return file.write(`${line}\r\n`)
    },
    end: file.end,
  }
}

async function separatorOf(path: string): Promise<string> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(8192), 0, 8192, 0)
  const head = buffer.subarray(0, bytesRead)
  if (bytesRead === 0) throw new Refused('The file is empty.')
  if (head.includes(0))
    throw new Refused('The file is neither CSV nor XLSX: it contains bytes that are not text.')
  const line = head.toString().split(/\r?\n/, 1)[0] ?? ''
  const counted = SEPARATORS.map((separator) => [separator, line.split(separator).length] as const)
  return counted.reduce((most, each) => (each[1] > most[1] ? each : most))[0]
}

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { parse } from 'csv-parse'
import { Refused } from '../core/errors.js'
import { CHUNK, type RowWriter, writeText } from './text-writer.js'

const SEPARATORS = [',', ';', '\t', '|']

/** Told of every row, the header first; what it returns is waited for before more is read. */
export type OnRow = (row: string[]) => Promise<void> | undefined

/**
 * Reads a CSV file row by row, in constant memory. The separator is the one that the first line has most of.
 * @throws {Refused} naming the line that is no CSV.
 */
export async function readCsv(path: string, onRow: OnRow, signal?: AbortSignal): Promise<void> {
  const delimiter = await separatorOf(path)
  const parser = parse({
    bom: true,
    delimiter,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: CHUNK * 16,
  })
  const rows = new Promise<void>((resolve, reject) => {
    parser.on('data', (row: string[]) => {
      try {
        const wait = onRow(row)
        if (!wait) return
        parser.pause()
        wait.then(
          () => parser.resume(),
          (error: unknown) => parser.destroy(asError(error)),
        )
      } catch (error) {
        parser.destroy(asError(error))
      }
    })
    parser.once('end', resolve)
    parser.once('error', reject)
  })
  const reading = pipeline(createReadStream(path, { highWaterMark: CHUNK }), parser, {
    ...(signal ? { signal } : {}),
  })
  try {
    await Promise.all([reading, rows])
  } catch (error) {
    signal?.throwIfAborted()
    // csv-parse says what is wrong, and on which line.
    if (
      asError(error).name !== 'Refused' &&
      'code' in asError(error) &&
      String((error as { code: unknown }).code).startsWith('CSV_')
    )
      throw new Refused(`The file is not valid CSV: ${asError(error).message}`, { cause: error })
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

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

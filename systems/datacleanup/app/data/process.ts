import { open } from 'node:fs/promises'
import { Refused } from '../core/errors.js'
import { Cleaner, type Profile } from './cleaner.js'
import { type OnRow, readCsv, writeCsv } from './csv.js'
import { type RowWriter, writeText } from './text-writer.js'
import { readXlsx } from './xlsx-reader.js'
import { writeXlsx } from './xlsx-writer.js'

/** Formats of exports. */
export type Format = 'csv' | 'json' | 'xlsx'

/** How the work is followed and stopped. */
export interface Watch {
  readonly signal?: AbortSignal
  /** Told every so many rows. */
  readonly onProgress?: (rows: number) => void
}

const PROGRESS_ROWS = 50_000
/** Rows are cleaned so many together. */
const ROWS_AT_ONCE = 64

/** Cleans a CSV or XLSX file into a CSV file, in one pass. */
export async function cleanFile(
  from: string,
  to: string,
  { signal, onProgress }: Watch = {},
): Promise<Profile> {
  const out = writeCsv(to)
  let cleaner: Cleaner | undefined
  let rows = 0
  let held: string[][] = []
  const flush = (): Promise<void> | undefined => {
    let wait: Promise<void> | undefined
    for (const row of cleaner?.clean(held) ?? []) wait = out.write(row) ?? wait
    held = []
    return wait
  }
  await readTable(
    from,
    (row) => {
      if (!cleaner) {
        cleaner = new Cleaner(row)
        return out.write(cleaner.header)
      }
      if (++rows % PROGRESS_ROWS === 0) onProgress?.(rows)
      return held.push(row) < ROWS_AT_ONCE ? undefined : flush()
    },
    signal,
  )
  await flush()
  await out.end()
  if (!cleaner) throw new Refused('The file has no rows.')
  return cleaner.end()
}

/** Writes a cleaned file in another format; tells how many rows it has. */
export async function exportFile(
  from: string,
  to: string,
  format: Format,
  signal?: AbortSignal,
): Promise<number> {
  const out = format === 'xlsx' ? writeXlsx(to) : format === 'csv' ? writeCsv(to) : writeJson(to)
  let rows = -1
  await readCsv(
    from,
    (row) => {
      rows++
      return out.write(row)
    },
    signal,
  )
  await out.end()
  return rows
}

/** A spreadsheet is a ZIP file, which begins with these. */
async function readTable(path: string, onRow: OnRow, signal: AbortSignal | undefined): Promise<void> {
  await using file = await open(path)
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
  return buffer.toString('latin1') === 'PK' ? readXlsx(path, onRow) : readCsv(path, onRow, signal)
}

/** An array of objects, one a line. */
function writeJson(path: string): RowWriter {
  const file = writeText(path)
  let header: readonly string[] | undefined
  let rows = 0
  return {
    write(row) {
      if (!header) {
        header = row
        return file.write('[')
      }
      const names = header
      const object = Object.fromEntries(
        row.map((cell, at) => [names[at] ?? `column_${at + 1}`, cell === '' ? null : cell]),
      )
      return file.write(`${rows++ === 0 ? '' : ','}\n${JSON.stringify(object)}`)
    },
    async end() {
      file.write(header ? '\n]\n' : '[]\n')
      await file.end()
    },
  }
}

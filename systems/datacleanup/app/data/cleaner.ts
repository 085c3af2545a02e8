import { Refused } from '../core/errors.js'
import { type ColumnProfile, ColumnProfiler } from './column-profile.js'
import { RowSet } from './row-set.js'

/** What was found in a file, and what was done. */
export interface Profile {
  readonly rowsIn: number
  /** What is left: without blank and repeated rows. */
  readonly rowsOut: number
  readonly blank: number
  readonly duplicates: number
  /** Cells that were trimmed, or that said in words that they are empty. */
  readonly cellsMended: number
  readonly columns: readonly ColumnProfile[]
}

/** Words for "nothing here"; compared in lower case. */
const NOTHING = new Set(['null', 'none', 'n/a', 'na', 'nan', 'nil', '-', '?', '#n/a', 'undefined'])
const LONGEST_NOTHING = 9
const STARTS = new Set([...NOTHING].flatMap((word) => [word.charCodeAt(0), word.toUpperCase().charCodeAt(0)]))
const SPACE = 32
const NO_BREAK_SPACE = 160

/** Cleans the rows of one table, and profiles what it gives. */
export class Cleaner {
  readonly header: readonly string[]
  readonly #profilers: readonly ColumnProfiler[]
  readonly #seen = new RowSet()
  #rowsIn = 0
  #blank = 0
  #duplicates = 0
  #mended = 0

  /** @throws {Refused} when the first row cannot be a header. */
  constructor(first: readonly string[]) {
    const names = first.map((name) => name.trim())
    if (names.every((name) => name === ''))
      throw new Refused('The first row is empty: it should name the columns.')
    const taken = new Map<string, number>()
    this.header = names.map((name, index) => {
      const wanted = name || `column_${index + 1}`
      const times = (taken.get(wanted) ?? 0) + 1
      taken.set(wanted, times)
      return times === 1 ? wanted : `${wanted}_${times}`
    })
    this.#profilers = this.header.map((name) => new ColumnProfiler(name))
  }

  /** Rows as they should be, in place, without those that are blank or were there before. */
  clean(rows: readonly string[][]): string[][] {
    const filled = rows.filter((row) => this.#mend(row))
    this.#blank += rows.length - filled.length
    const isNew = this.#seen.add(filled)
    const fresh = filled.filter((_, at) => isNew[at])
    this.#duplicates += filled.length - fresh.length
    for (const row of fresh) for (let at = 0; at < row.length; at++) this.#profilers[at]?.look(row[at] ?? '')
    return fresh
  }

  /** Mends the cells of a row; tells whether any has something in it. */
  #mend(row: string[]): boolean {
    this.#rowsIn++
    if (row.length !== this.header.length)
      throw new Refused(
        `Row ${this.#rowsIn + 1} has ${row.length} cells; the header names ${this.header.length} columns.`,
      )
    let isFilled = false
    for (let at = 0; at < row.length; at++) {
      const cell = row[at] ?? ''
      if (cell.length === 0) continue
      const value = mended(cell)
      if (value !== cell) {
        row[at] = value
        this.#mended++
      }
      if (value.length > 0) isFilled = true
    }
    return isFilled
  }

  end(): Profile {
    const [rowsIn, blank, duplicates] = [this.#rowsIn, this.#blank, this.#duplicates]
    return {
      rowsIn,
      rowsOut: rowsIn - blank - duplicates,
      blank,
      duplicates,
      cellsMended: this.#mended,
      columns: this.#profilers.map((profiler) => profiler.end()),
    }
  }
}

function mended(cell: string): string {
  const first = cell.charCodeAt(0)
  // Most cells need nothing: a look at both ends saves the copy.
  const value =
    first <= SPACE || first >= NO_BREAK_SPACE || cell.charCodeAt(cell.length - 1) <= SPACE
      ? cell.trim()
      : cell
  if (value.length > LONGEST_NOTHING || !STARTS.has(value.charCodeAt(0))) return value
  return NOTHING.has(value.toLowerCase()) ? '' : value
}

import type { Readable } from 'node:stream'
import { SaxesParser } from 'saxes'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { Refused } from '../core/errors.js'
import type { OnRow } from './csv.js'

/** A small file may unpack to a very large one; beyond this it is refused. */
const MOST_BYTES = 1 << 30
const MOST_SHARED_TEXT = 64 * 1024 * 1024
/** Days between 1899-12-30, where spreadsheets begin to count, and 1970. */
const EPOCH_DAYS = 25_569
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47])

/**
 * Reads the first sheet of a spreadsheet (Office Open XML) row by row. Only texts that cells share are kept in memory, as the
 * format has them beside the sheet.
 * @throws {Refused} when the file is no spreadsheet, or unpacks to too much.
 */
export async function readXlsx(path: string, onRow: OnRow): Promise<void> {
  let zip: ZipFile
  try {
    zip = await openPromise(path, { autoClose: false })
  } catch (cause) {
    throw new Refused('The file is not a spreadsheet: it cannot be unpacked.', { cause })
  }
  try {
    const entries = new Map<string, Entry>()
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry)
    const sheet = firstSheet(entries)
    const unpacked = [...entries.values()].reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0)
    if (unpacked > MOST_BYTES)
      throw new Refused(`The spreadsheet unpacks to ${unpacked} bytes; at most ${MOST_BYTES} are allowed.`)
    const shared = await sharedTexts(zip, entries.get('xl/sharedStrings.xml'))
    const dates = await dateStyles(zip, entries.get('xl/styles.xml'))
    await readSheet(await zip.openReadStreamPromise(sheet), shared, dates, onRow)
  } finally {
    zip.close()
  }
}

function firstSheet(entries: ReadonlyMap<string, Entry>): Entry {
  const sheets = [...entries.values()].filter(({ fileName }) =>
    /^xl\/worksheets\/sheet\d+\.xml$/.test(fileName),
  )
  const [first] = sheets.sort((a, b) => numberIn(a.fileName) - numberIn(b.fileName))
  if (!first) throw new Refused('The file is not a spreadsheet: it has no sheet.')
  return first
}

const numberIn = (name: string): number => Number(/\d+/.exec(name.slice(name.lastIndexOf('/')))?.[0])

async function sharedTexts(zip: ZipFile, entry: Entry | undefined): Promise<readonly string[]> {
  if (!entry) return []
  if (entry.uncompressedSize > MOST_SHARED_TEXT)
    throw new Refused(
      `The texts of the spreadsheet have ${entry.uncompressedSize} bytes; at most ${MOST_SHARED_TEXT} are allowed.`,
    )
  const texts: string[] = []
  let [text, isText, isPhonetic] = ['', false, false]
  await parseXml(await zip.openReadStreamPromise(entry), (parser) => {
    parser.on('opentag', ({ name }) => {
      if (name === 'si') text = ''
      isPhonetic ||= name === 'rPh'
      isText = name === 't' && !isPhonetic
    })
    parser.on('text', (piece) => {
      if (isText) text += piece
    })
    parser.on('closetag', ({ name }) => {
      if (name === 't') isText = false
      if (name === 'rPh') isPhonetic = false
      if (name === 'si') texts.push(text)
    })
  })
  return texts
}

/** Which cell styles show a number as a date. */
async function dateStyles(zip: ZipFile, entry: Entry | undefined): Promise<ReadonlySet<number>> {
  const [styles, formats] = [new Set<number>(), new Set(DATE_FORMATS)]
  if (!entry) return styles
  let [inCells, index] = [false, 0]
  await parseXml(await zip.openReadStreamPromise(entry), (parser) => {
    parser.on('opentag', ({ name, attributes }) => {
      if (
        name === 'numFmt' &&
        /[ymdhs]/i.test(String(attributes.formatCode).replace(/"[^"]*"|\[[^\]]*\]|\\./g, ''))
      )
        formats.add(Number(attributes.numFmtId))
      if (name === 'cellXfs') inCells = true
      if (name === 'xf' && inCells && formats.has(Number(attributes.numFmtId))) styles.add(index)
      if (name === 'xf' && inCells) index++
    })
    parser.on('closetag', ({ name }) => {
      if (name === 'cellXfs') inCells = false
    })
  })
  return styles
}

async function readSheet(
  stream: Readable,
  shared: readonly string[],
  dates: ReadonlySet<number>,
  onRow: OnRow,
): Promise<void> {
  const ready: string[][] = []
  let row: string[] = []
  let cell = { column: 0, type: '', style: 0, text: '' }
  let isValue = false
  let width = 0
  const parse = (parser: SaxesParser): void => {
    parser.on('opentag', ({ name, attributes: { r, t = '', s = 0 } }) => {
      if (name === 'row') row = []
      if (name === 'c')
        cell = { column: r ? columnOf(String(r)) : row.length, type: String(t), style: Number(s), text: '' }
      isValue = name === 'v' || name === 't'
    })
    parser.on('text', (piece) => {
      if (isValue) cell.text += piece
    })
    parser.on('closetag', ({ name }) => {
      if (name === 'v' || name === 't') isValue = false
      if (name === 'c') {
        // Cells that are empty are left out of the file.
        while (row.length < cell.column) row.push('')
        row[cell.column] = textOf(cell, shared, dates)
      }
      if (name === 'row' && row.length > 0) {
        width ||= row.length
        while (row.length < width) row.push('')
        ready.push(row)
      }
    })
  }
  await parseXml(stream, parse, async () => {
    for (const each of ready.splice(0)) await onRow(each)
  })
}

function textOf(
  { type, style, text }: { readonly type: string; readonly style: number; readonly text: string },
  shared: readonly string[],
  dates: ReadonlySet<number>,
): string {
  if (type === 's') return shared[Number(text)] ?? ''
  if (type === 'b') return text === '1' ? 'true' : 'false'
  if (type === 'e') return ''
  if (type !== '' && type !== 'n') return text
  if (!dates.has(style) || text === '') return text
  const iso = new Date(Math.round((Number(text) - EPOCH_DAYS) * 86_400_000)).toISOString()
  return iso.endsWith('T00:00:00.000Z') ? iso.slice(0, 10) : iso.slice(0, 19)
}

/** `C7` → 2. */
function columnOf(reference: string): number {
  let column = 0
  for (const letter of reference) {
    const code = letter.charCodeAt(0)
    if (code < 65 || code > 90) break
    column = column * 26 + code - 64
  }
  return column - 1
}

/** Parses a stream; what was found in each piece is waited for before the next is read. */
async function parseXml(
  stream: Readable,
  listen: (parser: SaxesParser) => void,
  afterPiece: () => Promise<void> = async () => {},
): Promise<void> {
  const parser = new SaxesParser()
  listen(parser)
  stream.setEncoding('utf8')
  try {
    for await (const piece of stream) {
      parser.write(String(piece))
      await afterPiece()
    }
    parser.close()
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    throw new Refused(`The file is not a spreadsheet: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  await afterPiece()
}

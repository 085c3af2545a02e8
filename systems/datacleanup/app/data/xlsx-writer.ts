import { createWriteStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'
import { Refused } from '../core/errors.js'
import { type RowWriter, roomIn } from './text-writer.js'

/** What the format allows. */
const MOST_ROWS = 1_048_576
const MOST_CHARACTERS = 32_767
/** Digits of which a spreadsheet keeps all; longer numbers, such as card numbers, stay texts. */
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?$/

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

const PARTS: Readonly<Record<string, string>> = {
  '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPE}.worksheet+xml"/></Types>`,
  '_rels/.rels': `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${RELATIONS}"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
}

/**
 * Opens a spreadsheet with one sheet to write into, row by row. Numbers are numbers; everything else is text, also what looks like a
 * formula.
 */
export function writeXlsx(path: string): RowWriter {
  const zip = new ZipFile()
  const sheet = new PassThrough({ highWaterMark: 1 << 18 })
  for (const [name, xml] of Object.entries(PARTS)) zip.addBuffer(Buffer.from(HEAD + xml), name)
  zip.addReadStream(sheet, 'xl/worksheets/sheet1.xml')
  zip.end()
  // The package calls its output a stream of the old kind; it is one of Node's.
  const written = pipeline(zip.outputStream, createWriteStream(path))
  written.catch(() => {})
  let rows = 0
  let text = `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>`
  const room = roomIn(sheet, written)
  const flush = (): Promise<void> | undefined => {
    const hasRoom = sheet.write(text)
    text = ''
    return hasRoom ? undefined : room()
  }
  return {
    write(row) {
      if (++rows > MOST_ROWS) throw new Refused(`A sheet has at most ${MOST_ROWS} rows. Export it as CSV.`)
      text += '<row>'
      for (const cell of row) text += NUMBER.test(cell) ? `<c><v>${cell}</v></c>` : textCell(cell)
      text += '</row>'
      return text.length < 1 << 18 ? undefined : flush()
    },
    async end() {
      text += '</sheetData></worksheet>'
      sheet.end(text)
      await written
    },
  }
}

function textCell(value: string): string {
  if (value === '') return '<c/>'
  if (value.length > MOST_CHARACTERS)
    throw new Refused(`A cell has at most ${MOST_CHARACTERS} characters. Export it as CSV.`)
  return `<c t="inlineStr"><is><t xml:space="preserve">${escaped(value)}</t></is></c>`
}

const SPECIAL: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
/** XML has no way to write these at all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const escaped = (value: string): string =>
  value.replace(UNWRITABLE, '').replace(/[&<>]/g, (character) => SPECIAL[character] ?? '')

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { runPython } from '../../../test/servers.js'
import { Refused } from '../app/core/errors.js'
import { cleanFile, exportFile } from '../app/data/process.js'
import { RowSet } from '../app/data/row-set.js'
import { untidyRows, writeUntidyFile } from '../dev/orders-file.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-cleaning-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const file = (content: string | Buffer = ''): string => {
  const path = join(folder, String(++files))
  writeFileSync(path, content)
  return path
}

describe('a CSV file', () => {
  test('is cleaned and profiled: trimmed, words for nothing emptied, blank and repeated rows left out', async () => {
    const to = file()
    const profile = await cleanFile(
      file(
        '\ufeffid;name; name ;since\r\n1; Ada ;N/A;2026-01-02\r\n;;;\r\n1;Ada;null;2026-01-02\r\n2;"O""Brien; Jr";3.5;-\r\n',
      ),
      to,
    )
    expect(readFileSync(to, 'utf8')).toBe(
      'id,name,name_2,since\r\n1,Ada,,2026-01-02\r\n2,"O""Brien; Jr",3.5,\r\n',
    )
    expect(profile).toMatchObject({ rowsIn: 4, rowsOut: 2, blank: 1, duplicates: 1, cellsMended: 4 })
    expect(profile.columns).toMatchObject([
      { name: 'id', type: 'number', min: 1, max: 2, mean: 1.5, distinct: 2 },
      { name: 'name', type: 'text', longest: 11 },
      { name: 'name_2', type: 'number', empty: 1 },
      { name: 'since', type: 'date', empty: 1 },
    ])
  })

  test.each([
    ['nothing at all', '', 'The file is empty.'],
    [
      'bytes that no text has',
      Buffer.from([1, 0, 2]),
      'The file is neither CSV nor XLSX: it contains bytes that are not text.',
    ],
    ['a row of another width', 'a,b\n1,2\n1,2,3\n', 'Row 3 has 3 cells; the header names 2 columns.'],
    ['a quote that never ends', 'a,b\n"1,2\n', 'The file is not valid CSV: Quote Not Closed'],
    ['a header of nothing', ' , \n1,2\n', 'The first row is empty: it should name the columns.'],
    ['a ZIP file that is none', 'PK not really', 'The file is not a spreadsheet: it cannot be unpacked.'],
  ])('of %s is refused with one line', async (_what, content, message) => {
    const refusal = await cleanFile(file(content), file()).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(Refused)
    expect(String(refusal)).toContain(message)
  })
})

test('rows are told apart by every cell and by where cells end', () => {
  const seen = new RowSet()
  const rows = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc', ''],
    ['', 'abc'],
    ['abd', ''],
  ]
  expect(seen.add([...rows, ['ab', 'c']])).toEqual([...rows.map(() => true), false])
  expect(seen.add(rows)).toEqual(rows.map(() => false))
  // Through many growths of its tables none is forgotten and none invented, not even of rows that differ in a bit.
  const many = Array.from({ length: 50_000 }, (_, index) => [index.toString(2).padStart(16, '0'), 'same'])
  expect(seen.add(many)).toEqual(many.map(() => true))
  expect(seen.add(many)).toEqual(many.map(() => false))
})

/** What is alive after all garbage is gone, in MB. */
function liveMb(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1e6
}

test('a file of 100 MB is cleaned in flat memory', { timeout: 120_000 }, async () => {
  const [from, to] = [file(), file()]
  const rows = 860_000
  await writeUntidyFile(from, rows)
  expect(statSync(from).size).toBeGreaterThan(100e6)
  const before = liveMb()
  let most = 0
  const onProgress = (): void => {
    most = Math.max(most, liveMb() - before)
  }
  const profile = await cleanFile(from, to, { onProgress })
  expect(profile).toMatchObject({ rowsIn: rows, rowsOut: (rows * 9) / 10, duplicates: rows / 10 })
  expect(statSync(to).size).toBeGreaterThan(80e6)
  // The hashes of its rows take 16 MB, and 24 while they grow; the rest is what is being read and written.
  expect(most).toBeGreaterThan(5)
  expect(most).toBeLessThan(50)
})

describe('a spreadsheet', () => {
  test('that we write is read by another program as it was, formulas as text', async () => {
    const [clean, xlsx] = [file(), join(folder, 'ours.xlsx')]
    await cleanFile(
      file('code,price,note\n007,3.25,"a < b & ""c"""\n12,-4,=1+1\n1234567890123456,,Käse\u0001\n'),
      clean,
    )
    expect(await exportFile(clean, xlsx, 'xlsx')).toBe(3)
    const read = await runPython(
      `import openpyxl, json\nsheet = openpyxl.load_workbook(${JSON.stringify(xlsx)}).active\nprint(json.dumps([list(row) for row in sheet.iter_rows(values_only=True)]))`,
    )
    expect(JSON.parse(read)).toEqual([
      ['code', 'price', 'note'],
      ['007', 3.25, 'a < b & "c"'],
      [12, -4, '=1+1'],
      ['1234567890123456', null, 'Käse'],
    ])
  })

  test('of another program is cleaned: shared texts, dates, empty cells', async () => {
    const xlsx = join(folder, 'theirs.xlsx')
    await runPython(
      [
        'import openpyxl, datetime',
        'book = openpyxl.Workbook(); sheet = book.active',
        "for row in [['name', 'born', 'seen', 'ok'], [' Ada ', datetime.date(1815, 12, 10), datetime.datetime(2026, 11, 29, 12, 30), True], [None, None, None, None], ['Grace', None, None, False], [' Ada ', datetime.date(1815, 12, 10), datetime.datetime(2026, 11, 29, 12, 30), True]]: sheet.append(row)",
        `book.save(${JSON.stringify(xlsx)})`,
      ].join('\n'),
    )
    const to = file()
    const profile = await cleanFile(xlsx, to)
    expect(readFileSync(to, 'utf8')).toBe(
      'name,born,seen,ok\r\nAda,1815-12-10,2026-11-29T12:30:00,true\r\nGrace,,,false\r\n',
    )
    expect(profile).toMatchObject({ rowsOut: 2, duplicates: 1 })
  })

  test('and JSON of an untidy file hold the same rows as its CSV', async () => {
    const clean = file()
    const { rowsOut } = await cleanFile(file([...untidyRows(500)].join('')), clean)
    const [json, csv] = [file(), file()]
    expect(await exportFile(clean, json, 'json')).toBe(rowsOut)
    expect(await exportFile(clean, csv, 'csv')).toBe(rowsOut)
    expect(readFileSync(csv, 'utf8')).toBe(readFileSync(clean, 'utf8'))
    const objects: unknown = JSON.parse(readFileSync(json, 'utf8'))
    expect(objects).toHaveLength(rowsOut)
    expect(objects).toContainEqual(
      expect.objectContaining({ order_id: '1', ordered_on: expect.stringMatching(/^2026-11-\d\d$/) }),
    )
  })
})

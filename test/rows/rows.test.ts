import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { rowsOf } from '../../scripts/rows.mjs'
import { run } from '../servers.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const rows = rowsOf()

/** Test suites that several files run, each with what it is a test of. */
const suites = ['lovage', 'webhooks', 'dashboard']
  .map((name) => `${ROOT}packages/${name}/src/`)
  .flatMap((source) =>
    readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.suite.ts'))
      .map((path) => readFileSync(source + path, 'utf8')),
  )

test('every statement of the five documents has a row, whose tests are there', () => {
  const parts = new Map<string, number>()
  for (const { id } of rows) {
    const [part = ''] = /^(S\d|B\.\d|D)/.exec(id) ?? []
    parts.set(part, (parts.get(part) ?? 0) + 1)
  }
  expect(Object.fromEntries(parts)).toEqual({
    S0: 30,
    S1: 26,
    S2: 45,
    S3: 31,
    S4: 55,
    'B.1': 7,
    'B.2': 22,
    D: 27,
  })
  for (const { id, tests } of rows) {
    expect(tests.length, id).toBeGreaterThan(0)
    for (const { file, part } of tests) {
      expect(existsSync(ROOT + file), `${id}: ${file}`).toBe(true)
      const text = readFileSync(ROOT + file, 'utf8')
      expect(
        text.includes(part) || suites.some((suite) => suite.includes(part)),
        `${id}: ${file} “${part}”`,
      ).toBe(true)
    }
  }
})

test('a row is run by its name', async () => {
  const one = await run('node', [`${ROOT}scripts/rows.mjs`, 'D18'], { cwd: ROOT })
  expect(one, one.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 rows are shown') })
  expect(await run('node', [`${ROOT}scripts/rows.mjs`, 'S9-9'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('There is no row S9-9'),
  })
})

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { rowsOf } from '../../scripts/rows.mjs'
import { run } from '../servers.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const rows: readonly { id: string; file: string; part: string }[] = rowsOf()

test('every statement of the five documents has a row, whose test is there', () => {
  expect(new Set(rows.map(({ id }) => id[1]))).toEqual(new Set(['0', '1', '2', '3', '4']))
  expect(rows.length).toBeGreaterThan(150)
  for (const { id, file, part } of rows) {
    expect(existsSync(ROOT + file), `${id}: ${file}`).toBe(true)
    expect(readFileSync(ROOT + file, 'utf8'), `${id}: ${file}`).toContain(part)
  }
})

test('a row is run by its name', async () => {
  const one = await run('node', [`${ROOT}scripts/rows.mjs`, 'S2-7'], { cwd: ROOT })
  expect(one, one.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 rows are shown') })
  expect(await run('node', [`${ROOT}scripts/rows.mjs`, 'S9-9'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('There is no row S9-9'),
  })
})

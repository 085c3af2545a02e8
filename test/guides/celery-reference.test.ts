import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/reference/celery.md'), 'utf8')
const claims = [...page.matchAll(/^\|.*\| `([^`]+\.(?:test|suite)\.ts)`: \*(.+)\* \|$/gm)].map(
  ([, file = '', title = '']) => [file, title],
)

test('every row of the page on Celery names a test that there is', () => {
  expect(claims.length).toBeGreaterThan(35)
  for (const [file = '', title = ''] of claims) {
    const path = join(ROOT, file)
    expect([file, existsSync(path)]).toEqual([file, true])
    const source = readFileSync(path, 'utf8').replaceAll("\\'", "'")
    expect([file, title, source.includes(title)]).toEqual([file, title, true])
  }
})

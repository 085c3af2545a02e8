/** Writes docs/errors.md from ERROR_CODES: `npm run docs:errors`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const FILE = join(ROOT, 'docs/errors.md')

async function document() {
  const table = 'packages/lovage/src/kernel/error-codes.ts'
  const { ERROR_CODES } = await createJiti(ROOT, { fsCache: false }).import(join(ROOT, table))
  const rows = Object.entries(ERROR_CODES).map(
    ([code, [meaning, remedy]]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
  )
  return [
    `<!-- Made by \`npm run docs:errors\` from ${table}: change it there. -->`,
    '# Errors',
    '',
    'Every error that Lovage raises is a `LovageError` with one of these codes in `error.code`. The message names the value',
    'or the place; `error.details` holds it as data, `error.hint` the next step, `error.cause` what lay beneath.',
    '',
    '| Code | What it means | What to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** For `npm run check`: findings, none if the file says what the table says. */
export async function errorsDocIsFresh() {
  let written = ''
  try {
    written = readFileSync(FILE, 'utf8')
  } catch {
    // Not there yet: as stale as can be.
  }
  return written === (await document())
    ? []
    : ['docs/errors.md differs from ERROR_CODES: run `npm run docs:errors`']
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  mkdirSync(join(ROOT, 'docs'), { recursive: true })
  writeFileSync(FILE, await document())
}

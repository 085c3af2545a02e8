/** Writes docs/errors.md from ERROR_CODES: `npm run docs:errors`. */
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { madePage, ROOT } from './made-page.mjs'

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
    'or the place; `error.details` holds it as data, `error.hint` the next step, `error.cause` the underlying error.',
    '',
    '| Code | What it means | What to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** For `npm run check`. */
export const errorsDocIsFresh = await madePage({
  script: import.meta.url,
  path: 'docs/errors.md',
  from: 'ERROR_CODES',
  command: 'docs:errors',
  document,
})

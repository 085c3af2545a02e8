/**
 * `npm run rows [-- ROW …]`: runs the tests that show the rows of docs/systems.md, and prints what each came to. A row whose tests are
 * not there, or did not run, is not shown.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const ROW = /^\| (S\d-\d+|B\.\d-\w+|D\d+) \| (.*) \| (`[^|]+) \|$/gm
const TESTS = /`([^`]+)` ((?:“[^”]+”(?:, )?)+)/g

/** The rows of the page: id, statement, and the tests that show it, as files and parts of names. */
export function rowsOf(page = readFileSync(`${ROOT}docs/systems.md`, 'utf8')) {
  return [...page.matchAll(ROW)].map(([, id, statement, shownBy]) => ({
    id,
    statement,
    tests: [...shownBy.matchAll(TESTS)].flatMap(([, file, parts]) =>
      [...parts.matchAll(/“([^”]+)”/g)].map(([, part]) => ({ file, part })),
    ),
  }))
}

function main(wanted) {
  const all = rowsOf()
  const unknown = wanted.find((id) => !all.some((row) => row.id === id))
  if (unknown !== undefined) {
    console.error(`There is no row ${unknown} in docs/systems.md.`)
    return 64
  }
  const rows = wanted.length === 0 ? all : all.filter(({ id }) => wanted.includes(id))
  const results = run(rows)
  let shown = 0
  for (const { id, statement, tests } of rows) {
    const problem = tests.map((test) => problemOf(test, results)).find((each) => each !== undefined)
    if (problem === undefined) shown++
    console.log(
      `${problem === undefined ? 'PASS' : 'FAIL'}  ${id.padEnd(6)} ${statement}${problem === undefined ? '' : ` (${problem})`}`,
    )
  }
  console.log(`${shown} of ${rows.length} rows are shown`)
  return shown === rows.length ? 0 : 1
}

/** Why the tests with this part in their names do not show a row; undefined when they do. */
function problemOf({ file, part }, results) {
  const tests = (results.get(file) ?? []).filter(({ name }) => name.includes(plain(part)))
  const ran = tests.filter(({ status }) => status === 'passed' || status === 'failed')
  if (ran.length === 0) return `${file}: no test “${part}” ran`
  const failed = ran.find(({ status }) => status === 'failed')
  return failed && `${file}: ${failed.name}: ${String(failed.failureMessages?.[0]).split('\n')[0]}`
}

/** Names of parametrised tests have values where their source has `%s`. */
const plain = (part) => part.replace(/^%s /, '')

function run(rows) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-rows-'))
  try {
    const report = join(folder, 'report.json')
    const tests = rows.flatMap((row) => row.tests)
    const names = [...new Set(tests.map(({ part }) => plain(part).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))]
    const files = [...new Set(tests.map(({ file }) => file))]
    console.log(
      `${rows.length} rows, shown by ${names.length} tests in ${files.length} files; each file runs once\n`,
    )
    const { status, signal } = spawnSync(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        'run',
        ...files,
        '-t',
        names.join('|'),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ],
      { cwd: ROOT, stdio: ['ignore', rows.length === 1 ? 'inherit' : 'ignore', 'inherit'] },
    )
    if (!existsSync(report)) {
      console.error(`The tests ended with ${signal ?? status} before they reported: no row was looked at.`)
      return new Map()
    }
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    return new Map(
      testResults.map(({ name, assertionResults }) => [
        relative(ROOT, name),
        assertionResults.map(({ fullName, status, failureMessages }) => ({
          name: fullName,
          status,
          failureMessages,
        })),
      ]),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = main(process.argv.slice(2))

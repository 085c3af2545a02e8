/**
 * `npm test [-- filters]`: builds, provisions, runs all tests. Its last line is `N passed, N failed`, with `, N skipped`
 * if any were. No test executed is a failure.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { advice, containerEngine, provision } from './provision.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const filters = process.argv.slice(2)

process.exitCode = main()

function main() {
  const missing = provision()
  if (missing.length > 0) {
    const engine = process.env.LOVAGE_TEST_IN_CONTAINER ? undefined : containerEngine()
    if (engine) return testInContainer(engine)
    console.error(advice(missing))
    return close({ passed: 0, failed: 1, skipped: 0 }, 1)
  }
  if (execute('npm', ['run', 'build']) !== 0) return close({ passed: 0, failed: 1, skipped: 0 }, 1)
  const folder = mkdtempSync(join(tmpdir(), 'lovage-report-'))
  try {
    const report = join(folder, 'report.json')
    const code = execute(process.execPath, [
      ...[join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json'],
      ...[`--outputFile.json=${report}`, ...filters],
    ])
    return close(count(report, code), code)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function close({ passed, failed, skipped }, code) {
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 ? code || 1 : code
}

function execute(command, args) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1
}

function count(report, code) {
  let results
  try {
    results = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const tests = results.testResults.flatMap((file) => file.assertionResults)
  const have = (...states) => tests.filter((test) => states.includes(test.status)).length
  const brokenFiles = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  const [passed, failed] = [have('passed'), have('failed') + brokenFiles.length]
  // An error outside any test, or no test at all, must not read as success.
  const unseen = failed === 0 && (code !== 0 || passed === 0) ? 1 : 0
  return { passed, failed: failed + unseen, skipped: have('skipped', 'pending', 'todo', 'disabled') }
}

// A container of the same Node, where this script is root and installs what it needs. The sources are copied, so that
// nothing there writes into the working tree.
function testInContainer(engine) {
  const script = [
    'mkdir /lovage && cd /lovage',
    'tar -C /source --exclude=node_modules --exclude=./.git --exclude=dist -c . | tar -x',
    'npm ci --no-audit --no-fund',
    'node scripts/test.mjs "$@"',
  ].join(' && ')
  // Without the label option, SELinux would keep the container from reading the sources.
  const how = [
    '--security-opt=label=disable',
    `--volume=${ROOT}:/source:ro`,
    '--env=LOVAGE_TEST_IN_CONTAINER=1',
  ]
  const image = `node:${process.versions.node.split('.')[0]}-bookworm`
  console.log(`Running the tests in a container, by ${engine}`)
  return execute(engine, ['run', '--rm', '--init', ...how, image, 'bash', '-c', script, 'test', ...filters])
}

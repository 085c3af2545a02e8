/**
 * `npm run check [-- step …]`: all that can be judged without running a test. Each step prints one line and, when it
 * fails, what it found; the exit code is 1 if any failed.
 */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { checkDoors } from './checks/doors.mjs'
import { checkExamples } from './checks/examples.mjs'
import { checkFloors } from './checks/floors.mjs'
import { checkLicences } from './checks/licences.mjs'
import { checkLines } from './checks/lines.mjs'
import { checkLinks } from './checks/links.mjs'
import { checkNames } from './checks/names.mjs'
import { checkPackages } from './checks/package.mjs'
import { checkProducer } from './checks/producer.mjs'
import { checkPublicTypes } from './checks/public-types.mjs'
import { command, execute } from './checks/run.mjs'
import { checkSite } from './checks/site.mjs'
import { checkSnippets } from './checks/snippets.mjs'
import { checkTraces } from './checks/traces.mjs'
import { cliDocIsFresh } from './make-cli-doc.mjs'
import { errorsDocIsFresh } from './make-errors-doc.mjs'
import { measuredIsFresh } from './make-measured.mjs'
import { settingsDocIsFresh } from './make-settings-doc.mjs'
import { webhooksDocumentIsFresh, webhooksPageIsFresh } from './make-webhooks-api.mjs'
import { packages, ROOT } from './workspace.mjs'

/** Name, what it does; the slow ones first, so that the short ones fill the other lane. */
const STEPS = [
  ['site built and crawled', checkSite],
  ['export map', checkPackages],
  ['unused exports', () => command('knip', ['--no-progress', '--no-config-hints'])],
  ['types: packages', typesOfPackages],
  ['types: workspace', () => command('tsc', ['-p', 'tsconfig.json'])],
  ['format and lint', () => command('biome', ['check', '--error-on-warnings', '--max-diagnostics=50', '.'])],
  ['documentation snippets', checkSnippets],
  ['floors and circles', checkFloors],
  ['names of classes', checkNames],
  ['doors of packages', checkDoors],
  ['types of doors', checkPublicTypes],
  ['examples of exports', checkExamples],
  ['files of a producer', checkProducer],
  ['line budget', checkLines],
  ['links in documents', checkLinks],
  ['licences', checkLicences],
  ['docs/errors.md', errorsDocIsFresh],
  ['README: measured', measuredIsFresh],
  ['docs/reference/settings.md', settingsDocIsFresh],
  ['docs/reference/cli.md', cliDocIsFresh],
  ['webhooks: openapi.json', webhooksDocumentIsFresh],
  ['docs/webhooks/api.md', webhooksPageIsFresh],
  ['no traces of a machine', checkTraces],
]

/** Each package by itself, so that it finds no more than its own manifest gives it. */
async function typesOfPackages() {
  const findings = []
  const folders = packages()
    .filter((each) => each.isBuilt)
    .map(({ folder }) => folder)
  // The systems see what users see: the declarations of the doors.
  for (const folder of [...folders, 'systems'])
    findings.push(...(await command('tsc', ['-p', `${folder}/tsconfig.json`])))
  return findings
}

const wanted = process.argv.slice(2)
const steps = STEPS.filter(([name]) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
const queue = [...steps]
// Packages see each other's types in `dist`, which a fresh clone does not have yet.
if (packages().some(({ folder, isBuilt }) => isBuilt && !existsSync(join(ROOT, folder, 'dist'))))
  console.error((await execute('npm', ['run', '--silent', 'build'])).output)
const failed = []

async function lane() {
  for (let step = queue.shift(); step; step = queue.shift()) {
    const [name, run] = step
    const startMs = performance.now()
    // A step resolves with its findings; none means that it passed.
    const findings = await run().catch((error) => [String(error?.stack ?? error)])
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    console.log(`${findings.length === 0 ? 'PASS' : 'FAIL'}  ${name.padEnd(24)} ${seconds.padStart(5)} s`)
    if (findings.length > 0) {
      failed.push(name)
      console.log(
        findings.map((finding) => `      ${finding.trimEnd().replaceAll('\n', '\n      ')}`).join('\n'),
      )
    }
  }
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane))
console.log(
  failed.length === 0
    ? `${steps.length} checks passed`
    : `${failed.length} of ${steps.length} failed: ${failed.join(', ')}`,
)
process.exitCode = steps.length > 0 && failed.length === 0 ? 0 : 1

// `npm run runtimes [-- NAME …]`: installs the packed engine into an empty project and runs it on each runtime: Node 22, 24 and 26, Bun and
// Deno, whose programs come as packages without scripts. A line each; exit code 1 if one that must work does not.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execute, ROOT } from './checks/run.mjs'

const LINUX = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`
const OVEN = process.arch === 'arm64' ? 'aarch64' : 'x64'
/** Name, the package that holds its program, where that is, what stands before a file's name, and whether failing fails the run. */
const RUNTIMES = [
  ['node20', undefined, process.execPath, [], true],
  ['node22', `node-${LINUX}@22`, `node-${LINUX}/bin/node`, [], true],
  ['node24', `node-${LINUX}@24`, `node-${LINUX}/bin/node`, [], true],
  ['node26', `node-${LINUX}@26`, `node-${LINUX}/bin/node`, [], true],
  ['bun', `@oven/bun-linux-${OVEN}`, `@oven/bun-linux-${OVEN}/bin/bun`, ['run'], false],
  ['deno', `@deno/${LINUX}-glibc`, `@deno/${LINUX}-glibc/deno`, ['run', '-A'], false],
]

/** What is run: a task through a worker, ESM and CommonJS, in memory and on the embedded file, the command line, and an app of TypeScript. */
const PROGRAMS = {
  'memory.mjs': `import { Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'
const app = new Lovage('smoke')
const add = app.task({ name: 'smoke.add', run: (_ctx, x, y) => x + y })
const worker = await startTestWorker(app)
if ((await (await add.delay(2, 3)).get({ timeout: 10 })) !== 5) throw new Error('not 5')
await worker.stop()
await app.close()
console.log('ok')`,
  'commonjs.cjs': `const { Lovage } = require('lovage')
const app = new Lovage('smoke', { broker: 'memory://smoke' })
const add = app.task({ name: 'smoke.add', run: (_ctx, x, y) => x + y })
add.delay(2, 3).then(() => app.close()).then(() => console.log('ok'))`,
  'sqlite.mjs': `import { Lovage, startWorker } from 'lovage'
const app = new Lovage('smoke')
const add = app.task({ name: 'smoke.add', run: (_ctx, x, y) => x + y })
const worker = await startWorker(app)
if ((await (await add.delay(2, 3)).get({ timeout: 10 })) !== 5) throw new Error('not 5')
await worker.stop()
await app.close()
console.log('ok')`,
  'node_modules/lovage/bin/lovage.js --version': undefined,
  'old.cts': `export * from './older.cjs'
export const one: number = 1
export function two(): number { return 2 }`,
  'older.cts': 'export const three: number = 3, four = 4',
  'app.mts': `import { Lovage } from 'lovage'
import { four, one, three, two } from './old.cjs'
if (one + two() + three + four !== 10) throw new Error('not 10')
export const app = new Lovage('smoke')`,
  'node_modules/lovage/bin/lovage.js -A app.mts report': undefined,
}

const wanted = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'lovage-runtimes-'))
try {
  await must('npm', ['pack', '--silent', '--pack-destination', folder], join(ROOT, 'packages/lovage'))
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"project","private":true}')
  const { output } = await execute('ls', [folder])
  const tarball = join(folder, output.split('\n').find((name) => name.endsWith('.tgz')) ?? '')
  const npm = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save']
  await must('npm', [...npm, tarball], project)
  for (const [file, text] of Object.entries(PROGRAMS))
    if (text !== undefined) writeFileSync(join(project, file), text)
  for (const [name, source, program, before, isRequired] of RUNTIMES) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const findings = await tryRuntime({ name, source, program, before, npm, project })
    console.log(
      `${findings.length === 0 ? 'PASS' : isRequired ? 'FAIL' : 'NOTE'}  ${name.padEnd(8)} ${findings.join('\n               ')}`,
    )
    if (findings.length > 0 && isRequired) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function tryRuntime({ name, source, program, before, npm, project }) {
  const home = join(folder, name)
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), '{"private":true}')
  if (source !== undefined) {
    const { code, output } = await execute('npm', [...npm, source], { cwd: home })
    if (code !== 0) return [`cannot be installed: ${output.trim().split('\n')[0]}`]
  }
  const path = source === undefined ? program : join(home, 'node_modules', program)
  if (!existsSync(path)) return [`its package holds no ${program}`]
  const findings = []
  for (const file of Object.keys(PROGRAMS)) {
    if (/^[^ ]+ts$/.test(file)) continue
    rmSync(join(project, '.lovage'), { recursive: true, force: true })
    const { code, output } = await execute('timeout', ['60', path, ...before, ...file.split(' ')], {
      cwd: project,
    })
    if (code !== 0)
      findings.push(`${file}: ${output.trim().split('\n').slice(0, 3).join(' | ').slice(0, 300)}`)
  }
  return findings
}

async function must(program, args, cwd) {
  const { code, output } = await execute(program, args, { cwd })
  if (code !== 0) throw new Error(`${program} ${args[0]}: ${output}`)
}

// Before `npm pack`, in the folder of a package: builds, and lays the package's papers beside its manifest, where npm takes them.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { papersOf } from './papers.mjs'
import { ROOT } from './workspace.mjs'

const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 2, 2] })
const { name } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [file, text] of papersOf(name)) writeFileSync(file, text)
process.exitCode = status ?? 1

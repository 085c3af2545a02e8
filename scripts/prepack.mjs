// Before `npm pack`: builds, and lays the papers of the repository beside the package's manifest, where npm takes them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
for (const paper of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
  if (existsSync(root + paper)) copyFileSync(root + paper, `${root}packages/lovage/${paper}`)
}
process.exitCode = status ?? 1

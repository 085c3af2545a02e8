// Before `npm pack`, in the folder of a package: builds, and lays the papers of the repository beside the package's manifest,
// where npm takes them. The engine shows the repository's README; the other packages have their own.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
const papers = ['CHANGELOG.md', 'LICENSE', ...(basename(process.cwd()) === 'lovage' ? ['README.md'] : [])]
for (const paper of papers) if (existsSync(root + paper)) copyFileSync(root + paper, paper)
process.exitCode = status ?? 1

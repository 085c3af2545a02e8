// `npm run sbom [-- FOLDER]`: a CycloneDX document for each published package (default folder: release/), and the licences of all that
// they install, as a table.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installed } from './checks/licences.mjs'
import { packages, ROOT } from './workspace.mjs'

const folder = process.argv[2] ?? join(ROOT, 'release')
mkdirSync(folder, { recursive: true })
for (const { name, isPublished } of packages()) {
  if (!isPublished) continue
  const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only', `--workspace=${name}`]
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) {
    console.error(stderr)
    process.exit(status ?? 1)
  }
  const file = join(folder, `${name.replace('@', '').replace('/', '-')}.cdx.json`)
  writeFileSync(file, stdout)
  console.log(`${file}: ${JSON.parse(stdout).components.length} components`)
}
const counts = {}
for (const { license } of installed()) counts[license] = (counts[license] ?? 0) + 1
console.log(
  Object.entries(counts)
    .map(([license, count]) => `${license}: ${count}`)
    .join(', '),
)

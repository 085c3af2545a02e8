// `node scripts/release.mjs VERSION [--dry-run]`: packs the packages into release/ and publishes them, those that others need first. Refuses a
// version that is not theirs, one of which the changelog says nothing, and a clone of another repository than they name. A run that is repeated goes on where it stopped.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { foldersToPublish, notesOf, originProblems, releaseProblems } from './release-plan.mjs'
import { ROOT } from './workspace.mjs'

const [version = ''] = process.argv.slice(2).filter((word) => !word.startsWith('-'))
const isDryRun = process.argv.includes('--dry-run')
const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')
const published = foldersToPublish()
const { stdout: origin } = spawnSync('git', ['remote', 'get-url', 'origin'], { cwd: ROOT, encoding: 'utf8' })
const problems = [
  ...releaseProblems(version, published, changelog),
  ...originProblems(published, origin.trim()),
]
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
const folder = join(ROOT, 'release')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'NOTES.md'), notesOf(version, changelog))
for (const { folder: source, manifest } of published) {
  const packed = npm(['pack', '--json', '--pack-destination', folder], join(ROOT, source))
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n')))
  if (!isDryRun && isPublished(manifest.name, version)) {
    console.log(`${manifest.name}@${version} is published already`)
    continue
  }
  const how = isDryRun ? ['--dry-run'] : ['--provenance']
  npm(['publish', join(folder, filename), '--access', 'public', ...how], ROOT)
  console.log(`${manifest.name}@${version} ${isDryRun ? 'could be published' : 'is published'}`)
}

function isPublished(name, wanted) {
  return (
    spawnSync('npm', ['view', `${name}@${wanted}`, 'version'], { encoding: 'utf8' }).stdout.trim() === wanted
  )
}

function npm(args, cwd) {
  const { status, stdout } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
  return stdout
}

import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { packages, ROOT } from './workspace.mjs'

/** Builds `dist` when a source is newer than the last build, for the tests that start the command line or examples. */
export default function buildIfStale() {
  if (packages().every((each) => !each.isBuilt || lastBuildMs(each) >= newestSourceMs(each))) return
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
  // The compiler writes its output all the same, and `npm run check` is what judges the types.
  if (status !== 0) console.error('The build reported errors; tests that use dist run what it wrote.')
}

function lastBuildMs({ folder }) {
  return statSync(join(ROOT, folder, 'dist/.tsbuildinfo'), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSourceMs({ folder }) {
  const files = readdirSync(join(ROOT, folder, 'src'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  )
  return Math.max(...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs))
}

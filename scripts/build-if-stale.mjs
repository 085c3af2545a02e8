import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Builds `dist` when a source is newer than the last build, for the tests that start the command line or examples. */
export default function buildIfStale() {
  if (lastBuildMs() >= newestSourceMs()) return
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
  // The compiler writes its output all the same, and `npm run check` is what judges the types.
  if (status !== 0) console.error('The build reported errors; tests that use dist run what it wrote.')
}

function lastBuildMs() {
  return statSync(`${ROOT}packages/lovage/dist/.tsbuildinfo`, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSourceMs() {
  const source = `${ROOT}packages/lovage/src`
  const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Math.max(...files.map((file) => statSync(`${file.parentPath}/${file.name}`).mtimeMs))
}

// `npm run build`: builds every package that is built, each after those that it depends on.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packages, ROOT } from './workspace.mjs'

for (const { folder, name, isBuilt } of packages()) {
  if (!isBuilt) continue
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: join(ROOT, folder),
    stdio: 'inherit',
  })
  if (status === 0) continue
  console.error(`${name} did not build`)
  process.exitCode = status ?? 1
}

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { API } from 'typescript/unstable/sync'
import { ROOT } from './run.mjs'

/**
 * The findings of `look` in the compiled declarations of the packages' doors, which it gets as a project, with the doors' names and files, and
 * whether a path is one of the packages' own.
 */
export function inDeclarations(published, look) {
  const doors = published.flatMap(({ folder, name, manifest }) =>
    Object.entries(manifest.exports ?? {})
      .filter(([, target]) => typeof target === 'object')
      .map(([path, { types }]) => ({ door: name + path.slice(1), file: join(ROOT, folder, types) })),
  )
  const missing = doors.filter(({ file }) => !existsSync(file))
  if (missing.length > 0)
    return missing.map(({ file }) => `${relative(ROOT, file)} is not there: npm run build`)
  const folder = mkdtempSync(join(tmpdir(), 'lovage-declarations-'))
  const api = new API({ cwd: ROOT })
  try {
    const config = join(folder, 'tsconfig.json')
    const compilerOptions = { module: 'nodenext', target: 'es2023', types: [], noEmit: true }
    writeFileSync(config, JSON.stringify({ compilerOptions, files: doors.map(({ file }) => file) }))
    const snapshot = api.updateSnapshot({ openProjects: [config] })
    const inPackages = published.map((each) => `${join(ROOT, each.folder)}/`.toLowerCase())
    const isOurs = (path) =>
      inPackages.some((start) => path.toLowerCase().startsWith(start) && !path.includes('/node_modules/'))
    const findings = look(snapshot.getProject(config), doors, isOurs)
    snapshot.dispose()
    return findings
  } finally {
    api.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

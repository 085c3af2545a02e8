// What packages there are: the folders that the root's `workspaces` name. Building, checking and testing know them from
// here, so that a new package is a folder with a manifest and nothing else.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/**
 * The packages with sources (`src/`), each after those that it depends on: folder from the root, manifest, whether it is
 * built (`tsconfig.build.json`) and whether it is published (not private).
 */
export function packages() {
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const found = workspaces
    .flatMap(foldersOf)
    .filter(
      (folder) => existsSync(join(ROOT, folder, 'src')) && existsSync(join(ROOT, folder, 'package.json')),
    )
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
      const isBuilt = existsSync(join(ROOT, folder, 'tsconfig.build.json'))
      return { folder, name: manifest.name, manifest, isBuilt, isPublished: manifest.private !== true }
    })
  const sorted = []
  const place = (each) => {
    if (sorted.includes(each)) return
    const needs = {
      ...each.manifest.dependencies,
      ...each.manifest.devDependencies,
      ...each.manifest.peerDependencies,
    }
    for (const other of found) if (other.name in needs && other !== each) place(other)
    sorted.push(each)
  }
  for (const each of found) place(each)
  return sorted
}

/** The doors of a package and the sources behind them: `['lovage/testing', 'packages/lovage/src/testing/index.ts']`. */
export function doors({ folder, name, manifest }) {
  return Object.entries(manifest.exports ?? {})
    .filter(([, target]) => typeof target === 'object')
    .map(([path, { types }]) => [
      name + path.slice(1),
      join(folder, types.replace('/dist/', '/src/').replace(/\.d\.ts$/, '.ts')),
    ])
}

function foldersOf(pattern) {
  if (!pattern.endsWith('/*')) return [pattern]
  const parent = pattern.slice(0, -2)
  if (!existsSync(join(ROOT, parent))) return []
  return readdirSync(join(ROOT, parent))
    .sort()
    .map((name) => `${parent}/${name}`)
}

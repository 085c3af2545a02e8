import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { doors, packages, ROOT } from '../workspace.mjs'

/** What the compiler is told of the packages (`paths` of tsconfig.json) is what their export maps say, and is there. */
export function checkDoors() {
  const { paths } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')).compilerOptions
  const told = new Map(Object.entries(paths).map(([door, [path]]) => [door, path.replace(/^\.\//, '')]))
  const exported = new Map(packages().flatMap(doors))
  const findings = [...exported].flatMap(([door, path]) => [
    ...(told.get(door) === path ? [] : [`tsconfig.json: paths should say that ${door} is ./${path}`]),
    ...(existsSync(join(ROOT, path)) ? [] : [`${door} is exported, but ${path} is not there`]),
  ])
  for (const door of told.keys())
    if (!exported.has(door)) findings.push(`tsconfig.json: ${door} is in paths, but no package exports it`)
  return Promise.resolve(findings)
}

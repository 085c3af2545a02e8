import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packages } from '../workspace.mjs'
import { ROOT } from './run.mjs'

/** Licences under which a user of any kind may run and ship what the packages install. */
const ALLOWED = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
])

/** Every package that a published package installs, directly or not, has a licence that asks for no more than its text. */
export async function checkLicences() {
  return installed().flatMap(({ name, version, license }) =>
    isAllowed(license) ? [] : [`${name}@${version}: ${license ?? 'no licence'}`],
  )
}

/** `(MIT OR Apache-2.0)` leaves the choice; `A AND B` asks for both. */
function isAllowed(license) {
  if (typeof license !== 'string') return false
  const plain = license.replaceAll(/[()]/g, '')
  if (plain.includes(' AND ')) return plain.split(' AND ').every((one) => ALLOWED.has(one.trim()))
  return plain.split(' OR ').some((one) => ALLOWED.has(one.trim()))
}

/** What the published packages install, optional packages of every platform included, by the lock file. */
export function installed() {
  const { packages: locked } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const found = new Map()
  const visit = (path) => {
    if (found.has(path)) return
    const entry = locked[path]
    found.set(path, entry)
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      const target = resolve(locked, path, name)
      if (target !== undefined) visit(target)
    }
  }
  for (const { folder, isPublished } of packages()) if (isPublished) visit(folder)
  return [...found]
    .filter(([path]) => path.includes('node_modules/'))
    .map(([path, { version, license }]) => ({
      name: path.replace(/^.*node_modules\//, ''),
      version,
      license,
    }))
    .sort((left, right) => left.name.localeCompare(right.name))
}

/** As Node looks: in the package's own node_modules, then in those above. A link leads to the workspace's folder. */
function resolve(locked, from, name) {
  for (let at = from; ; at = at.replace(/(?:^|\/)(?:node_modules\/(?:@[^/]+\/)?[^/]+|[^/]+)$/, '')) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (path in locked) return locked[path].link ? locked[path].resolved : path
    if (at === '') return undefined
  }
}

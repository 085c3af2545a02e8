import { readdir } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '../kernel/index.js'

const SKIPPED = new Set(['node_modules', '.git', 'dist'])
const MODULE = /\.[cm]?[jt]s$/
const DECLARATION = /\.d\.[cm]?ts$/

/**
 * Imports every module below `folder` whose path matches one of the globs: `tasks/**`, `src/*.tasks.ts`.
 * `**` crosses folders, `*` does not. Returns the files, in order.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when a glob matches nothing: most often a typo.
 */
export async function discover(patterns: readonly string[], folder: string): Promise<readonly string[]> {
  const files = await modulesBelow(resolve(folder))
  const chosen = new Set<string>()
  for (const pattern of patterns) {
    const expression = globExpression(pattern)
    const matching = files.filter((file) =>
      expression.test(relative(resolve(folder), file).split(sep).join('/')),
    )
    if (matching.length === 0) {
      throw new ConfigurationError(`No module below ${folder} matches ${pattern}.`, {
        code: 'LVG_CONFIG_INVALID',
        details: { pattern, folder },
      })
    }
    for (const file of matching) chosen.add(file)
  }
  const ordered = [...chosen].sort()
  for (const file of ordered) await import(pathToFileURL(file).href)
  return ordered
}

async function modulesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const nested = entries.map((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : modulesBelow(path)
    return MODULE.test(entry.name) && !DECLARATION.test(entry.name) ? [path] : []
  })
  return (await Promise.all(nested)).flat()
}

function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/^\.\//, '').replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    return part === '?' ? '[^/]' : `\\${part}`
  })
  return new RegExp(`^${source}$`)
}

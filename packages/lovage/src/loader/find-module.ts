import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { existingSource, isFile } from './typescript/index.js'

/** The paths searched for a name, and the result. */
export interface ModuleSearch {
  readonly file: string | undefined
  /** Paths that were tried, as a user would write them. */
  readonly tried: readonly string[]
}

/** Names by Celery's convention: `-A proj` means proj.celery there. */
const INSIDE = ['index', 'app', 'celery', 'lovage', 'celery_app']

/**
 * Finds the file for a name on the command line: a path with or without extension, a folder that holds an app, a dotted name as in Python
 * (`proj.tasks` = proj/tasks.ts, also below src/), or a package.
 */
export function findModule(name: string, folder: string): ModuleSearch {
  const dotted = /^[\w-]+(\.[\w-]+)*$/.test(name) ? name.replaceAll('.', '/') : undefined
  const places = [
    ...(isAbsolute(name) ? [name] : [join(folder, name)]),
    ...(dotted === undefined ? [] : [join(folder, dotted), join(folder, 'src', dotted)]),
  ]
  const paths = [
    ...new Set(places.flatMap((place) => [place, ...INSIDE.map((inside) => join(place, inside))])),
  ]
  for (const path of paths) {
    // A full file name means that file, even if its source is next to it.
    const file = isFile(resolve(path)) ? resolve(path) : existingSource(resolve(path))
    if (file !== undefined && !file.endsWith('.json')) return { file, tried: [] }
  }
  const file = dotted === undefined && !/^@[\w-]+\//.test(name) ? undefined : inPackages(name, folder)
  const shown = [...new Set(places)].map((place) => relative(folder, place) || '.')
  return {
    file,
    tried: [
      ...shown.map((place) =>
        existsSync(resolve(folder, place)) && !isFile(resolve(folder, place))
          ? `${place}/{${INSIDE.join(',')}}`
          : place,
      ),
      ...(dotted === undefined ? [] : [`package ${name}`]),
    ],
  }
}

function inPackages(name: string, folder: string): string | undefined {
  try {
    return createRequire(join(folder, 'package.json')).resolve(name)
  } catch {
    return undefined
  }
}

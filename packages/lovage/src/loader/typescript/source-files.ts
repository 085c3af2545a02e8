import { statSync } from 'node:fs'
import { join } from 'node:path'

/** Whether this loader compiles a file. Declarations hold nothing to run. */
export const isTypeScript = (file: string): boolean =>
  /\.[cm]?tsx?$/.test(file) && !/\.d\.[cm]?ts$/.test(file)

const EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx', '.json']
/** The source extensions for an output extension. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/** The source file for a path without an extension, or with that of its output. */
export function existingSource(path: string): string | undefined {
  const extension = /\.[cm]?jsx?$/.exec(path)?.[0]
  for (const source of (extension && SOURCES[extension]) ?? []) {
    const file = path.slice(0, -(extension ?? '').length) + source
    if (isFile(file)) return file
  }
  if (isFile(path)) return path
  for (const ending of EXTENSIONS) if (isFile(path + ending)) return path + ending
  for (const ending of EXTENSIONS) {
    const index = join(path, `index${ending}`)
    if (isFile(index)) return index
  }
  return undefined
}

/** Whether a file exists. An inaccessible path, such as below a file or in a closed folder, does not count. */
export function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    return false
  }
}

import { statSync } from 'node:fs'
import { join } from 'node:path'

/** Whether this loader compiles a file. Declarations hold nothing to run. */
export const isTypeScript = (file: string): boolean =>
  /\.[cm]?tsx?$/.test(file) && !/\.d\.[cm]?ts$/.test(file)

const EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx', '.json']
/** What an extension of the output may have been in the sources. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/** The file that a path without its extension, or with that of its output, stands for. */
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

/** Whether there is a file. What cannot be looked at, as below a file or in a closed folder, is none. */
export function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    return false
  }
}

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** A module as Node can run it. */
export interface CompiledModule {
  readonly format: 'module' | 'commonjs'
  readonly code: string
}

/**
 * Caches the result of `make` on disk under a hash of `key` and the compiler's version: in the project's `node_modules/.cache`, else in
 * the user's own cache folder, never in a folder that others can write. LOVAGE_CACHE=off disables the cache.
 */
export function cached(file: string, key: string, make: () => CompiledModule): CompiledModule {
  const folder = cacheFolder(dirname(file))
  if (folder === undefined) return make()
  const hash = createHash('sha256').update(compilerVersion()).update(key).digest('hex').slice(0, 40)
  for (const format of ['module', 'commonjs'] as const) {
    const code = read(join(folder, `${hash}.${format}.js`))
    if (code !== undefined) return { format, code }
  }
  const made = make()
  write(folder, `${hash}.${made.format}.js`, made.code)
  return made
}

const folders = new Map<string, string | undefined>()

function cacheFolder(folder: string): string | undefined {
  if (process.env.LOVAGE_CACHE === 'off') return undefined
  if (!folders.has(folder)) folders.set(folder, findFolder(folder))
  return folders.get(folder)
}

function findFolder(start: string): string {
  for (let folder = start; dirname(folder) !== folder; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules'))) return join(folder, 'node_modules', '.cache', 'lovage')
  }
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lovage')
}

let version: string | undefined

function compilerVersion(): string {
  // Read from the file: importing the compiler for its version would cost what the cache saves.
  version ??= readFileSync(createRequire(import.meta.url).resolve('@swc/wasm/package.json'), 'utf8')
  return version
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function write(folder: string, name: string, code: string): void {
  try {
    mkdirSync(folder, { recursive: true })
    const draft = join(folder, `${name}.${process.pid}`)
    writeFileSync(draft, code)
    // Atomic: other processes read at the same time.
    renameSync(draft, join(folder, name))
  } catch {
    // A read-only project compiles at every start, which is only slower.
  }
}

import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Runs the command line of the copy installed in the current project, if it is a different one; returns whether it did. */
export async function runLocalInstead(): Promise<boolean> {
  const own = realpathSync(fileURLToPath(new URL('../..', import.meta.url)))
  let local: string
  try {
    local = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('lovage/package.json'))
  } catch {
    return false
  }
  const main = join(local, 'dist/cli/main.js')
  if (realpathSync(local) === own || !existsSync(main)) return false
  await import(pathToFileURL(main).href)
  return true
}

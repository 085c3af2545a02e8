import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The compiled file of a module for another process to run. From sources, which only tests run, it is the output of the last build: a
 * child process never loads our TypeScript.
 */
export function builtModule(module: URL): URL {
  return existsSync(fileURLToPath(module)) ? module : new URL(module.href.replace('/src/', '/dist/'))
}

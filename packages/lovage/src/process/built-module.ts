import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The compiled file of a module that another process is to run. Beside sources, which only tests run, it is the one that the
 * last build made of them: a child process loads no TypeScript of ours.
 */
export function builtModule(module: URL): URL {
  return existsSync(fileURLToPath(module)) ? module : new URL(module.href.replace('/src/', '/dist/'))
}

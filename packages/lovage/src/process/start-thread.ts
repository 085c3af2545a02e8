import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts a module of this package as a thread: from compiled code the `.js` itself; from sources (in tests) its `.ts`, compiled on the
 * fly by the loader that also loads users' apps.
 */
export function startThread(module: URL, options: WorkerOptions): Worker {
  // The main program's flags (`--input-type`, loaders) concern its own modules.
  const own = { execArgv: [], ...options }
  if (existsSync(module)) return new Worker(module, own)
  const path = JSON.stringify(fileURLToPath(module).replace(/\.js$/, '.ts'))
  const loader = JSON.stringify(fileURLToPath(import.meta.resolve('jiti')))
  return new Worker(`require(${loader}).createJiti(${path}).import(${path})`, { ...own, eval: true })
}

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts a module of this package as a thread: beside compiled code the `.js` itself; beside sources (tests run
 * those) its `.ts`, compiled on the way by the loader that also loads users' apps.
 */
export function startThread(module: URL, options: WorkerOptions): Worker {
  // Flags of the main program (`--input-type`, loaders) are about its own modules.
  const own = { execArgv: [], ...options }
  if (existsSync(module)) return new Worker(module, own)
  const path = JSON.stringify(fileURLToPath(module).replace(/\.js$/, '.ts'))
  const loader = JSON.stringify(fileURLToPath(import.meta.resolve('jiti')))
  return new Worker(`require(${loader}).createJiti(${path}).import(${path})`, { ...own, eval: true })
}

import { Worker, type WorkerOptions } from 'node:worker_threads'
import { builtModule } from './built-module.js'

/** Starts a module of this package as a thread. */
export function startThread(module: URL, options: WorkerOptions): Worker {
  // The main program's flags (`--input-type`, loaders) concern its own modules.
  return new Worker(builtModule(module), { execArgv: [], ...options })
}

import type { ResultBackend } from '../../../result/index.js'

const files = new WeakMap<ResultBackend, string>()

/** Lets a broker in the same file write what `backend` would store. */
export function offerResultFile(backend: ResultBackend, path: string): void {
  files.set(backend, path)
}

/** The file in which a backend's results lie; undefined when they lie in none. */
export const resultFileOf = (backend: ResultBackend): string | undefined => files.get(backend)

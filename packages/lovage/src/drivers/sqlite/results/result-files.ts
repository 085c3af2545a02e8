import type { ResultBackend } from '../../../result/index.js'

const files = new WeakMap<ResultBackend, string>()

/** Lets a broker in the same file write the results that `backend` would store. */
export function offerResultFile(backend: ResultBackend, path: string): void {
  files.set(backend, path)
}

/** The file of a backend's results; undefined when they are not in a file. */
export const resultFileOf = (backend: ResultBackend): string | undefined => files.get(backend)

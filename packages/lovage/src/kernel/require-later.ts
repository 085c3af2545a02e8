import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * Loads a package on first use: a package that few apps use must not cost every process memory and start-up time. The type is the
 * package's own.
 */
export function requireLater<Package>(name: string): () => Package {
  let loaded: Package | undefined
  return () => {
    loaded ??= require(name) as Package
    return loaded
  }
}

import { ConfigurationError } from '../kernel/index.js'
import type { Load } from './shared/index.js'

/**
 * Loads a part of a driver.
 * @throws {ConfigurationError} LVG_DRIVER_MISSING when its client library is not installed; the error names the package.
 */
export function orMissingPackage<Open>(load: Load<Open>): Promise<Open> {
  return load().catch((error: unknown) => {
    throw missingPackage(error) ?? error
  })
}

function missingPackage(error: unknown): ConfigurationError | undefined {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  const name = isMissing ? /Cannot find package '([^']+)'/.exec(error.message)?.[1] : undefined
  if (name === undefined) return undefined
  return new ConfigurationError(`This driver needs the package ${name}: npm install ${name}`, {
    code: 'LVG_DRIVER_MISSING',
    details: { package: name },
    cause: error,
  })
}

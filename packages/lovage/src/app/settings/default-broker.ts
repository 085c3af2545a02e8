import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigurationError } from '../../kernel/index.js'

/**
 * The embedded broker of a project that names none: `.lovage/queue.db` beside the nearest package.json.
 * @throws {ConfigurationError} LVG_CONFIG_NO_BROKER when NODE_ENV is production: a forgotten setting must not
 * become a queue that nobody reads.
 */
export function defaultBrokerUrl(env: NodeJS.ProcessEnv, folder: string): string {
  if (env.NODE_ENV === 'production') {
    throw new ConfigurationError('No broker is configured, and NODE_ENV is production.', {
      code: 'LVG_CONFIG_NO_BROKER',
    })
  }
  return `sqlite://${join(projectFolder(resolve(folder)), '.lovage', 'queue.db')}`
}

function projectFolder(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return start
  }
}

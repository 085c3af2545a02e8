import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigurationError } from '../../kernel/index.js'

const EMBEDDED = join('.lovage', 'queue.db')

/**
 * The embedded broker of a project without a configured one: `.lovage/queue.db` beside the nearest package.json.
 * @throws {ConfigurationError} LVG_CONFIG_NO_BROKER when NODE_ENV is production: a forgotten setting must not
 * turn into a queue without consumers.
 */
export function embeddedUrl(env: NodeJS.ProcessEnv, folder: string): string {
  if (env.NODE_ENV === 'production') {
    throw new ConfigurationError('No broker is configured, and NODE_ENV is production.', {
      code: 'LVG_CONFIG_NO_BROKER',
    })
  }
  return `sqlite://${join(projectFolder(resolve(folder)), EMBEDDED)}`
}

/** Creates the folder of the embedded broker, hidden from git; a no-op for any other URL. */
export function makeEmbeddedFolder(url: string): void {
  const path = url.replace(/^sqlite:\/\//, '')
  if (path === url || !path.endsWith(EMBEDDED) || existsSync(dirname(path))) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(join(dirname(path), '.gitignore'), '*\n')
}

function projectFolder(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return start
  }
}

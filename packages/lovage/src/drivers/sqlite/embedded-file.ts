import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigurationError } from '../../kernel/index.js'

const EMBEDDED = join('.lovage', 'queue.db')

/**
 * The embedded broker of a project without a configured one: `.lovage/queue.db` beside the nearest package.json; in a
 * workspace beside that of the workspace, so that its packages meet.
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

/** The nearest package's folder, or that of the workspace around it: the packages of a workspace share one file. */
function projectFolder(start: string): string {
  let nearest: string | undefined
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      nearest ??= folder
      if (isWorkspace(folder)) return folder
    }
    const isEnd = dirname(folder) === folder || (nearest !== undefined && existsSync(join(folder, '.git')))
    if (isEnd) return nearest ?? start
  }
}

function isWorkspace(folder: string): boolean {
  if (existsSync(join(folder, 'pnpm-workspace.yaml'))) return true
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return typeof manifest === 'object' && manifest !== null && 'workspaces' in manifest
  } catch {
    return false // A manifest that cannot be read names no workspace; npm itself says what is wrong with it.
  }
}

import { resolve } from 'node:path'
import { ConfigurationError } from '../../../kernel/index.js'

/** A SQLite file and how it is used. */
export interface SqliteUrl {
  /** Absolute. */
  readonly path: string
  /** `normal` survives the death of any process, `full` also a power loss. */
  readonly synchronous: 'normal' | 'full'
  /** How long a locked file is retried before LVG_STORE_LOCKED. */
  readonly lockTimeoutMs: number
}

const FORMS = 'sqlite:///absolute/path.db or sqlite://relative/path.db'

/**
 * Parses `sqlite:///abs/path.db` and `sqlite://relative/path.db` (relative to the working directory), with the
 * options `?synchronous=normal|full` (default normal) and `?lockTimeoutMs=` (default 10 000).
 *
 * @throws ConfigurationError LVG_CONFIG_INVALID for anything else, `:memory:` included.
 */
export function parseSqliteUrl(url: string): SqliteUrl {
  const [, location = '', query = ''] = /^sqlite:\/\/([^?#]*)(?:\?(.*))?$/.exec(url) ?? []
  const name = decode(location, url)
  if (name === '' || name === '/') throw invalid(url, `Write ${FORMS}.`)
  if (name.replace(/^\//, '') === ':memory:')
    throw invalid(url, 'A SQLite database in memory cannot be shared between threads; use memory://name.')
  // `sqlite:///C:/x` names a drive on Windows.
  const path = resolve(/^\/[A-Za-z]:[\\/]/.test(name) ? name.slice(1) : name)
  const options = new URLSearchParams(query)
  for (const option of options.keys())
    if (option !== 'synchronous' && option !== 'lockTimeoutMs')
      throw invalid(url, `Unknown option "${option}"; valid options are synchronous and lockTimeoutMs.`)
  const synchronous = options.get('synchronous') ?? 'normal'
  if (synchronous !== 'normal' && synchronous !== 'full')
    throw invalid(url, `synchronous must be "normal" or "full", not "${synchronous}".`)
  const lockTimeoutMs = Number(options.get('lockTimeoutMs') ?? 10_000)
  if (!(lockTimeoutMs >= 0)) throw invalid(url, 'lockTimeoutMs must be a number of milliseconds.')
  return { path, synchronous, lockTimeoutMs }
}

function decode(location: string, url: string): string {
  try {
    return decodeURIComponent(location)
  } catch (cause) {
    throw invalid(url, 'Its percent-encoding is invalid.', cause)
  }
}

function invalid(url: string, hint: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(`This is not a SQLite URL: ${url}`, {
    code: 'LVG_CONFIG_INVALID',
    details: { url },
    hint,
    cause,
  })
}

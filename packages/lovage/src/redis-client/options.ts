import { readFileSync } from 'node:fs'
import { ConfigurationError, redactUrl } from '../kernel/index.js'

/** What a URL does not say, or what overrides it. */
export interface RedisOptions {
  /** Overrides the user name in the URL. */
  readonly username?: string
  /** Overrides the password in the URL. */
  readonly password?: string
  /** Overrides the database number in the URL. */
  readonly db?: number
  /** PEM texts, or paths of PEM files. Given, it means TLS also with `redis://`. */
  readonly tls?: RedisTls
  /** Put before every key and channel, verbatim (kombu's `global_keyprefix`). Default none. */
  readonly keyPrefix?: string
  /** How long one attempt to connect may take. Default 5000. */
  readonly connectTimeoutMs?: number
  /** How long the server may leave a command unanswered before the connection counts as dead. Default 30000. */
  readonly silenceTimeoutMs?: number
}

/** How a TLS connection is authenticated. */
export interface RedisTls {
  /** The authority that signed the server's certificate. */
  readonly ca?: string
  /** This client's certificate and key. */
  readonly cert?: string
  readonly key?: string
  /** The name that the server's certificate must bear. Default: the host. */
  readonly servername?: string
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean
}

/** Where and how to connect: a URL and its options, understood and checked. */
export interface RedisTarget {
  readonly url: string
  readonly host: string
  readonly port: number
  /** A Unix socket, instead of host and port. */
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly db: number
  readonly tls?: RedisTls
  readonly keyPrefix: string
  readonly connectTimeoutMs: number
  readonly silenceTimeoutMs: number
  /** The URL without secrets. */
  readonly location: string
  /** Equal for two targets that are the same database of the same server. */
  readonly server: string
}

const SCHEMES = new Set(['redis:', 'rediss:', 'unix:', 'redis+socket:'])

/**
 * Reads `redis://[user][:password]@host[:port][/db]`, `rediss://` (TLS) and `redis+socket:///path?virtual_host=db`, with
 * Celery's query parameters `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs` and `db`. Throws a
 * ConfigurationError.
 */
export function parseRedisUrl(url: string, options: RedisOptions = {}): RedisTarget {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !SCHEMES.has(parsed.protocol)) throw invalid(url, 'is no redis:// or rediss:// URL')
  const query = parsed.searchParams
  const isSocket = parsed.protocol === 'unix:' || parsed.protocol === 'redis+socket:'
  const dbText = isSocket
    ? (query.get('virtual_host') ?? query.get('db') ?? '0')
    : (query.get('db') ?? parsed.pathname.replace(/^\//, ''))
  const db = options.db ?? (dbText === '' ? 0 : Number(dbText))
  if (!Number.isInteger(db) || db < 0) throw invalid(url, `names no database number: ${dbText}`)
  const username = options.username ?? decoded(parsed.username)
  const password = options.password ?? decoded(parsed.password)
  const tls = parsed.protocol === 'rediss:' || options.tls ? readTls(query, options.tls) : undefined
  const host = decoded(parsed.hostname.replace(/^\[|\]$/g, '')) ?? 'localhost'
  const port = parsed.port === '' ? 6379 : Number(parsed.port)
  const path = isSocket ? decodeURIComponent(parsed.pathname) : undefined
  return {
    url,
    host,
    port,
    ...(path === undefined ? {} : { path }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    db,
    ...(tls === undefined ? {} : { tls }),
    keyPrefix: options.keyPrefix ?? '',
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    silenceTimeoutMs: options.silenceTimeoutMs ?? 30_000,
    location: redactUrl(url),
    server: `${path ?? `${host}:${port}`}/${db}`,
  }
}

const decoded = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text))

function readTls(query: URLSearchParams, given: RedisTls = {}): RedisTls {
  const requirement = query.get('ssl_cert_reqs')
  const names = { ca: 'ssl_ca_certs', cert: 'ssl_certfile', key: 'ssl_keyfile' } as const
  const pem = (name: keyof typeof names): Partial<RedisTls> => {
    const value = given[name] ?? query.get(names[name])
    return value === null || value === undefined ? {} : { [name]: readPem(value) }
  }
  const isOpen = requirement !== null && /^(cert_)?(none|optional)$/i.test(requirement)
  return { ...given, ...pem('ca'), ...pem('cert'), ...pem('key'), verify: given.verify ?? !isOpen }
}

function readPem(textOrPath: string): string {
  if (textOrPath.includes('-----BEGIN')) return textOrPath
  try {
    return readFileSync(textOrPath, 'utf8')
  } catch (cause) {
    throw new ConfigurationError(`The certificate file ${textOrPath} cannot be read`, {
      code: 'LVG_CONFIG_INVALID',
      details: { path: textOrPath },
      cause,
    })
  }
}

function invalid(url: string, why: string): ConfigurationError {
  return new ConfigurationError(`${redactUrl(url)} ${why}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Write it as redis://user:password@host:6379/0.',
  })
}

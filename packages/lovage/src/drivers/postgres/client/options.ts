import { ConfigurationError, redactUrl } from '../../../kernel/index.js'
import { readTlsFiles, type TlsFiles } from '../../../process/index.js'

/** Options that a URL does not give, or that override it. */
export interface PostgresOptions {
  /** PEM texts, or paths of PEM files. If given, TLS is used. */
  readonly tls?: PostgresTls
  /** Timeout of one attempt to connect, and of waiting for a free connection. Default 5000. */
  readonly connectTimeoutMs?: number
  /** How long the server may leave a statement unanswered before the connection counts as dead. Default 30000. */
  readonly silenceTimeoutMs?: number
  /** The longest time until a connection on which nothing goes any more is left, though a statement waits on it. Default 10,000. */
  readonly stallMs?: number
  /** The maximum number of connections of the process for statements. Default 10. */
  readonly poolSize?: number
}

/** How a TLS connection is authenticated. */
export interface PostgresTls extends TlsFiles {
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean
  /** False accepts a trusted certificate with another name. Default true. */
  readonly verifyHost?: boolean
}

/** Where and how to connect: a URL and its options, parsed and checked. */
export interface PostgresTarget {
  /** A host name, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  /** Absent: the server trusts us, or PGPASSWORD is set. */
  readonly password?: string
  readonly database: string
  readonly tls?: PostgresTls
  /** Settings of the session, as in `-c search_path=tasks`. */
  readonly sessionOptions?: string
  readonly connectTimeoutMs: number
  readonly silenceTimeoutMs: number
  readonly stallMs: number
  readonly poolSize: number
  /** The URL without secrets. */
  readonly location: string
  /** Equal for two targets whose statements can be one transaction. */
  readonly server: string
}

const SCHEME = /^(?:db\+)?(?:postgresql|postgres)(?:\+\w+)?:\/\//i

/**
 * Parses `postgresql://[user[:password]@][host][:port]/[database]`, also as `db+postgresql://` and with SQLAlchemy's driver
 * suffix (`postgresql+asyncpg://`), which is ignored. Missing parts come from PGHOST,
 * PGPORT, PGUSER, PGPASSWORD and PGDATABASE. Query parameters: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`,
 * `options`, `host` (a socket's folder), `port`, `connect_timeout`. Throws a ConfigurationError.
 */
export function parsePostgresUrl(url: string, options: PostgresOptions = {}): PostgresTarget {
  const plain = url.replace(SCHEME, 'postgresql://')
  // Node's URL requires a host where libpq allows none.
  const text = plain.replace(/^postgresql:\/\/([^/?#]*@)?(?=[/?#]|$)/, 'postgresql://$1localhost')
  const parsed = SCHEME.test(url) && URL.canParse(text) ? new URL(text) : undefined
  if (!parsed) throw invalid(url, 'is not a postgresql:// URL')
  const query = parsed.searchParams
  const { env } = process
  const hasHost = text === plain
  const host =
    query.get('host') ??
    (hasHost ? decoded(parsed.hostname.replace(/^\[|\]$/g, '')) : env.PGHOST) ??
    'localhost'
  const port = Number(query.get('port') ?? (parsed.port || (hasHost ? '' : env.PGPORT) || 5432))
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(url, 'has no valid port')
  const user = decoded(parsed.username) ?? env.PGUSER ?? env.USER ?? 'postgres'
  const password = decoded(parsed.password) ?? env.PGPASSWORD
  const database = decoded(parsed.pathname.replace(/^\//, '')) ?? env.PGDATABASE ?? user
  const tls = readTls(url, query, options.tls)
  const sessionOptions = query.get('options') ?? undefined
  const timeoutS = Number(query.get('connect_timeout') ?? Number.NaN)
  return {
    host,
    port,
    user,
    ...(password === undefined ? {} : { password }),
    database,
    ...(tls === undefined ? {} : { tls }),
    ...(sessionOptions === undefined ? {} : { sessionOptions }),
    connectTimeoutMs: timeoutS > 0 ? timeoutS * 1000 : (options.connectTimeoutMs ?? 5_000),
    silenceTimeoutMs: options.silenceTimeoutMs ?? 30_000,
    stallMs: options.stallMs ?? 10_000,
    poolSize: options.poolSize ?? 10,
    location: redactUrl(plain),
    server: JSON.stringify([host, port, user, database, sessionOptions ?? '']),
  }
}

const decoded = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text))

/** libpq's modes. `prefer` and `allow`, which would silently fall back to plain text, connect as `disable` does. */
function readTls(
  url: string,
  query: URLSearchParams,
  given: PostgresTls | undefined,
): PostgresTls | undefined {
  const mode = query.get('sslmode') ?? query.get('ssl')
  const isKnown = /^(disable|allow|prefer|require|verify-ca|verify-full|true|false)$/.test(mode ?? 'disable')
  if (!isKnown) throw invalid(url, `has an unknown sslmode: ${mode}`)
  const isWanted = mode !== null && !/^(disable|allow|prefer|false)$/.test(mode)
  if (!isWanted && !given) return undefined
  const files = readTlsFiles(given, query, { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' })
  // As in libpq, `require` checks a certificate only where an authority is given to check it against.
  const verify = given?.verify ?? (mode !== 'require' || files.ca !== undefined)
  const verifyHost = given?.verifyHost ?? !(mode === 'require' || mode === 'verify-ca')
  return { ...files, verify, verifyHost }
}

function invalid(url: string, why: string): ConfigurationError {
  return new ConfigurationError(`${redactUrl(url)} ${why}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Write it as postgresql://user:password@host:5432/database.',
  })
}

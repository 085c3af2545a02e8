import { ConfigurationError, redactUrl } from '../../../kernel/index.js'
import { readTlsFiles, type TlsFiles } from '../../../process/index.js'

/** Options that a URL does not give, or that override it. */
export interface AmqpOptions {
  /** PEM texts, or paths of PEM files. If given, TLS is used even with `amqp://`. */
  readonly tls?: AmqpTls
  /** How long one attempt to connect to one server may take. Default 5000. */
  readonly connectTimeoutMs?: number
  /** Seconds between heartbeats, 0 = none; a server that is silent for twice as long counts as dead. Default 120. */
  readonly heartbeat?: number
  /** How long a server may be silent, with a probe in between, before its connection counts as lost. Default 10 seconds. */
  readonly silenceMs?: number
  /** How long the server may leave the oldest unconfirmed message unanswered. Default 30 seconds. */
  readonly confirmTimeoutMs?: number
  /** How a user is authenticated: by password (the default), or by the certificate of the TLS connection. */
  readonly login?: 'PLAIN' | 'EXTERNAL'
}

/** How a TLS connection is authenticated. */
export interface AmqpTls extends TlsFiles {
  /** The name that the server's certificate must have. Default: the host. */
  readonly servername?: string
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean
}

/** Where and how to connect: one URL and its options, parsed and checked. */
export interface AmqpTarget {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  readonly tls?: AmqpTls
  readonly heartbeat: number
  readonly silenceMs: number
  readonly confirmTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly login: 'PLAIN' | 'EXTERNAL'
  /** The URL without secrets. */
  readonly location: string
}

const SCHEMES = new Set(['amqp:', 'amqps:', 'pyamqp:', 'pyamqps:'])

/**
 * Parses one URL, or several between semicolons, which are tried in turn: `amqp://user:password@host:5672/vhost`, also as
 * `pyamqp://`, and `amqps://` for TLS. The default virtual host is `/`. Query parameters: `heartbeat` (seconds),
 * `connection_timeout` (ms), `auth_mechanism=external`, and for TLS `cacertfile`, `certfile`, `keyfile`,
 * `verify=verify_none`, `server_name_indication`, or Celery's `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`.
 *
 * @throws {ConfigurationError} LVG_CONFIG_INVALID
 */
export function parseAmqpUrls(urls: string, options: AmqpOptions = {}): readonly AmqpTarget[] {
  return urls
    .split(';')
    .filter((url) => url.trim() !== '')
    .map((url) => parseAmqpUrl(url.trim(), options))
}

function parseAmqpUrl(url: string, options: AmqpOptions): AmqpTarget {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !SCHEMES.has(parsed.protocol)) throw invalid(url, 'is not an amqp:// or amqps:// URL')
  const query = parsed.searchParams
  const isTls = parsed.protocol.endsWith('s:') || options.tls !== undefined
  const tls = isTls ? readTls(query, options.tls) : undefined
  const vhost = decodeURIComponent(parsed.pathname.replace(/^\//, ''))
  const hasUser = parsed.username !== '' || parsed.password !== ''
  const isExternal = /^external$/i.test(query.get('auth_mechanism') ?? '')
  return {
    host: decodeURIComponent(parsed.hostname.replace(/^\[|\]$/g, '')) || 'localhost',
    port: parsed.port === '' ? (isTls ? 5671 : 5672) : Number(parsed.port),
    username: hasUser ? decodeURIComponent(parsed.username) : 'guest',
    password: hasUser ? decodeURIComponent(parsed.password) : 'guest',
    vhost: vhost === '' ? '/' : vhost,
    ...(tls === undefined ? {} : { tls }),
    heartbeat: wholeNumber(url, query, 'heartbeat') ?? options.heartbeat ?? 120,
    silenceMs: options.silenceMs ?? 10_000,
    confirmTimeoutMs: options.confirmTimeoutMs ?? 30_000,
    connectTimeoutMs: wholeNumber(url, query, 'connection_timeout') ?? options.connectTimeoutMs ?? 5_000,
    login: isExternal ? 'EXTERNAL' : (options.login ?? 'PLAIN'),
    location: redactUrl(url),
  }
}

function wholeNumber(url: string, query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^\d+$/.test(text)) throw invalid(url, `has a ${name} that is not a number: ${text}`)
  return Number(text)
}

/** RabbitMQ's names, and Celery's. */
const TLS_FILES = {
  ca: ['cacertfile', 'ssl_ca_certs'],
  cert: ['certfile', 'ssl_certfile'],
  key: ['keyfile', 'ssl_keyfile'],
} as const

function readTls(query: URLSearchParams, given: AmqpTls = {}): AmqpTls {
  const servername = given.servername ?? query.get('server_name_indication') ?? undefined
  const requirement = query.get('verify') ?? query.get('ssl_cert_reqs') ?? ''
  return {
    ...readTlsFiles(given, query, TLS_FILES),
    ...(servername === undefined ? {} : { servername }),
    verify: given.verify ?? !/^(verify_|cert_)?none$/i.test(requirement),
  }
}

function invalid(url: string, why: string): ConfigurationError {
  return new ConfigurationError(`${redactUrl(url)} ${why}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Write it as amqp://user:password@host:5672/vhost.',
  })
}

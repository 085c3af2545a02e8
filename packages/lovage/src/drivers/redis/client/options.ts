import { ConfigurationError, redactUrl } from '../../../kernel/index.js'
import { readTlsFiles } from '../../../process/index.js'
import { type ClusterLayout, type ClusterPrefix, clusterPrefix, readLayout } from './cluster-url.js'
import { addressIn, nameOfNodes, readNodes } from './nodes-url.js'
import { SENTINEL_PORT, type SentinelOptions, type Sentinels, sentinelsOf } from './sentinel-url.js'
import type { ServerAddress } from './server-finder.js'
import { demandsCertificate, type RedisTls, TLS_FILES } from './tls.js'

/** Options that a URL does not give, or that override it. */
export interface RedisOptions {
  /** Overrides the user name in the URL. */
  readonly username?: string
  /** Overrides the password in the URL. */
  readonly password?: string
  /** Overrides the database number in the URL. */
  readonly db?: number
  /** PEM texts, or paths of PEM files. If given, TLS is used even with `redis://`. */
  readonly tls?: RedisTls
  /** Prepended to every key and channel, verbatim (kombu's `global_keyprefix`). Default none; on a Cluster `{lovage}:`, or `lovage:` with a slot per queue. */
  readonly keyPrefix?: string
  /** Where keys are on a Cluster. Default `one-slot`. */
  readonly layout?: ClusterLayout
  /** Options that a `sentinel://` URL does not give. */
  readonly sentinel?: SentinelOptions
  /** Timeout of one attempt to connect. Default 5000. */
  readonly connectTimeoutMs?: number
  /** How long the server may leave a command unanswered before the connection counts as dead. Default 30000. */
  readonly silenceTimeoutMs?: number
}

/** Where and how to connect: a URL and its options, parsed and checked. */
export interface RedisTarget {
  readonly url: string
  /** The server's host; for several servers, the first one's. */
  readonly host: string
  readonly port: number
  /** The Sentinels that know the server's location. */
  readonly sentinels?: Sentinels
  /** Servers of the Cluster that includes the server. */
  readonly cluster?: readonly ServerAddress[]
  /** Begins the hash tag of each queue, where a Cluster has a slot per queue. */
  readonly queuePrefix?: string
  /** One node of a Cluster, whose refusals to serve a slot concern that slot alone. */
  readonly isNode?: true
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

const CLUSTER = /^(redis|valkey)s?\+cluster:$/
const SEVERAL = /^(sentinel|(redis|valkey)s?\+cluster):/
const SOCKET = /^(unix|redis\+socket|valkey\+socket):$/
const ENCRYPTED = /^(redis|valkey)s[:+]/
const SCHEME = /^((redis|valkey)s?(\+cluster)?|(redis|valkey)\+socket|unix|sentinel):$/

/**
 * Parses `redis://[user][:password]@host[:port][/db]`, `rediss://` (TLS), `redis+socket:///path?virtual_host=db`,
 * `sentinel://[user][:password]@host[:26379][/db];sentinel://host2…` and `redis+cluster://[user][:password]@host[:port];…`, all but
 * `sentinel` also with `valkey` for `redis`, and Celery's query parameters `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`,
 * `ssl_cert_reqs`, `ssl_check_hostname` and `db`; on a Cluster also `cluster` and `global_keyprefix`. Throws a ConfigurationError.
 */
export function parseRedisUrl(url: string, options: RedisOptions = {}): RedisTarget {
  const [first = url, ...others] = SEVERAL.test(url) ? url.split(';') : [url]
  const parsed = URL.canParse(first) ? new URL(first) : undefined
  if (!parsed || !SCHEME.test(parsed.protocol))
    throw invalid(url, 'is not a redis://, rediss://, valkey:// or valkeys:// URL')
  const { protocol } = parsed
  const query = queryOf(parsed, others)
  const isSocket = SOCKET.test(protocol)
  const dbText = isSocket
    ? (query.get('virtual_host') ?? query.get('db') ?? '0')
    : (query.get('db') ?? parsed.pathname.replace(/^\/+/, ''))
  const db = options.db ?? (dbText === '' ? 0 : Number(dbText))
  if (!Number.isInteger(db) || db < 0) throw invalid(url, `has an invalid database number: ${dbText}`)
  const username = options.username ?? decoded(parsed.username)
  const password = options.password ?? decoded(parsed.password)
  const isTls = ENCRYPTED.test(protocol) || options.tls !== undefined
  if (!isTls && Object.values(TLS_FILES).some((name) => query.has(name)))
    throw invalid(
      url,
      'names certificates, but is not a rediss:// or valkeys:// URL: nothing would be encrypted',
    )
  const tls = isTls ? readTls(url, query, options.tls) : undefined
  const defaultPort = protocol === 'sentinel:' ? SENTINEL_PORT : 6379
  const address = addressIn(parsed, defaultPort)
  const path = isSocket ? decodeURIComponent(parsed.pathname) : undefined
  const nodes = readNodes({ ...address, protocol, dbText }, others, defaultPort)
  const sentinels = protocol === 'sentinel:' ? sentinelsOf(nodes, query, options.sentinel) : undefined
  const cluster = CLUSTER.test(protocol) ? clusterPrefixOf(query, options) : undefined
  if (cluster && db !== 0) throw invalid(url, `names database ${db}, but a Cluster has only number 0`)
  const who = `${sentinels ? `${sentinels.masterName}@` : ''}${nameOfNodes(nodes)}${cluster ? `#${cluster.tag}` : ''}`
  return {
    url,
    ...address,
    ...(sentinels === undefined ? {} : { sentinels }),
    ...(cluster === undefined ? {} : { cluster: nodes }),
    ...(cluster?.queuePrefix === undefined ? {} : { queuePrefix: cluster.queuePrefix }),
    ...(path === undefined ? {} : { path }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    db,
    ...(tls === undefined ? {} : { tls }),
    keyPrefix: cluster?.keyPrefix ?? options.keyPrefix ?? '',
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    silenceTimeoutMs: options.silenceTimeoutMs ?? 10_000,
    location: redactUrl(url),
    server: `${path ?? who}/${db}`,
  }
}

/** The URL tells two layouts of one Cluster apart where settings cannot: while messages move from one to the other. */
const clusterPrefixOf = (query: URLSearchParams, { keyPrefix, layout }: RedisOptions): ClusterPrefix =>
  clusterPrefix(
    query.get('global_keyprefix') ?? keyPrefix,
    readLayout(query.get('cluster'), 'cluster in the URL') ?? layout,
  )

/** The options of all parts: people write them behind the last server. The first part that has one counts. */
function queryOf({ searchParams }: URL, others: readonly string[]): URLSearchParams {
  const query = new URLSearchParams(searchParams)
  for (const part of others)
    for (const [name, value] of new URLSearchParams(part.split('?')[1] ?? ''))
      if (!query.has(name)) query.set(name, value)
  return query
}

const decoded = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text))

function readTls(url: string, query: URLSearchParams, given: RedisTls = {}): RedisTls {
  const requirement = query.get('ssl_cert_reqs')
  const verify = given.verify ?? (requirement === null ? true : demandsCertificate(requirement))
  if (verify === undefined) throw invalid(url, `has an unknown ssl_cert_reqs: ${requirement}`)
  const isAnyName = /^(false|no|0)$/i.test(query.get('ssl_check_hostname') ?? '')
  const verifyHost = given.verifyHost ?? !isAnyName
  return { ...given, ...readTlsFiles(given, query, TLS_FILES), verify, verifyHost }
}

function invalid(url: string, why: string): ConfigurationError {
  return new ConfigurationError(`${redactUrl(url)} ${why}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Write it as redis://user:password@host:6379/0.',
  })
}

/** A target whose server answers one command only after so many seconds. */
export const patient = (target: RedisTarget, seconds: number): RedisTarget => ({
  ...target,
  silenceTimeoutMs: target.silenceTimeoutMs + seconds * 1000,
})

/** The target of a queue's keys, where a Cluster has a slot per queue. */
export const queueTarget = (target: RedisTarget, queue: string): RedisTarget => ({
  ...target,
  keyPrefix: `{${target.queuePrefix ?? ''}${queue}}:`,
})

/** The target that is one node of a Cluster, whatever its slots. */
export function nodeTarget(target: RedisTarget, { host, port }: ServerAddress): RedisTarget {
  const { cluster: _cluster, ...rest } = target
  return { ...rest, host, port, isNode: true }
}

import { ConfigurationError, redactUrl } from '../kernel/index.js'
import type { RedisTls } from './tls.js'

export const SENTINEL_PORT = 26_379

/** What a `sentinel://` URL leaves to the transport options, in kombu's words. */
export interface SentinelOptions {
  /** What the Sentinels call the primary (`master_name`). Default: the URL's parameter of that name. */
  readonly masterName?: string
  /** A Sentinel that sees fewer others is not believed (`min_other_sentinels`). Default 0. */
  readonly minOthers?: number
  /** How the Sentinels themselves are talked to (`sentinel_kwargs`); by default without password and in plain text. */
  readonly username?: string
  readonly password?: string
  readonly tls?: RedisTls
}

/** The Sentinels of one primary. */
export interface Sentinels extends Omit<SentinelOptions, 'masterName' | 'minOthers'> {
  readonly masterName: string
  readonly minOthers: number
  readonly nodes: readonly SentinelNode[]
  /** Equal for the same Sentinels, in whatever order, and the same primary. */
  readonly group: string
}

/** Where a Sentinel listens. */
export interface SentinelNode {
  readonly host: string
  readonly port: number
}

/**
 * Reads the parts of `sentinel://host:port/db;sentinel://host2:port2/db` that follow the first. Database, user and password
 * are those of the first part, as in Python. Throws a ConfigurationError, also for a part that says something else: in
 * Python it would be passed over in silence.
 */
export function readSentinels(
  first: SentinelNode & { readonly query: URLSearchParams },
  others: readonly string[],
  dbText: string,
  options: SentinelOptions,
): Sentinels {
  const { masterName = first.query.get('master_name'), minOthers = 0, ...rest } = options
  if (masterName === null)
    throw new ConfigurationError('A sentinel:// URL does not say which primary is meant', {
      code: 'LVG_CONFIG_INVALID',
      hint: "Set brokerTransportOptions: { master_name: 'mymaster' }, and the same in resultBackendTransportOptions.",
    })
  const nodes = [first, ...others.filter((part) => part !== '').map((part) => readNode(part, dbText))]
  const names = nodes.map(({ host, port }) => `${host}:${port}`)
  return {
    ...rest,
    masterName,
    minOthers,
    nodes: nodes.map(({ host, port }) => ({ host, port })),
    group: `${masterName}@${names.sort().join(',')}`,
  }
}

function readNode(part: string, dbText: string): SentinelNode {
  const url = URL.canParse(part) ? new URL(part) : undefined
  if (url?.protocol !== 'sentinel:' || url.hostname === '')
    throw invalid(part, 'is no sentinel:// URL; parts are separated by semicolons')
  const db = url.pathname.replace(/^\//, '')
  if (db !== '' && db !== dbText)
    throw invalid(part, `names the database ${db}, and the first part ${dbText === '' ? 'none' : dbText}`)
  const port = url.port === '' ? SENTINEL_PORT : Number(url.port)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

function invalid(part: string, why: string): ConfigurationError {
  return new ConfigurationError(`${redactUrl(part)} ${why}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Write it as sentinel://:password@host:26379/0;sentinel://host2:26379/0.',
  })
}

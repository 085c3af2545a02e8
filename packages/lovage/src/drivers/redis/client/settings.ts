import { ConfigurationError } from '../../../kernel/index.js'
import { readTlsFiles } from '../../../process/index.js'
import { readLayout } from './cluster-url.js'
import type { RedisOptions } from './options.js'
import type { SentinelOptions } from './sentinel-url.js'
import { demandsCertificate, type RedisTls, TLS_FILES } from './tls.js'

type Settings = Readonly<Record<string, unknown>>

/** The app's settings for a Redis driver. */
export interface RedisSettingNames {
  /** Holds `globalKeyprefix` and similar options. */
  readonly transport: 'brokerTransportOptions' | 'resultBackendTransportOptions'
  readonly ssl: 'brokerUseSsl' | 'redisBackendUseSsl'
}

/** A driver option, in Celery's spelling or in camelCase. */
export function transportOption(options: Settings, snakeName: string): unknown {
  const camelName = snakeName.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
  return options[snakeName] ?? options[camelName]
}

/** The transport options of an app, empty when there are none. */
export function transportOptions(settings: Settings, name: RedisSettingNames['transport']): Settings {
  const options = settings[name]
  // Settings were checked when the app was made: this one is an object.
  return typeof options === 'object' && options !== null ? (options as Settings) : {}
}

/** A server may be busy for this long, however short the lease. */
const SHORTEST_SILENCE_MS = 2_000

/** Connection options from an app's settings. Throws a ConfigurationError for a value of the wrong kind. */
export function redisOptionsOf(settings: Settings, names: RedisSettingNames): RedisOptions {
  const options = transportOptions(settings, names.transport)
  const keyPrefix = transportOption(options, 'global_keyprefix')
  if (keyPrefix !== undefined && typeof keyPrefix !== 'string')
    throw new ConfigurationError(`${names.transport}.global_keyprefix must be text`, {
      code: 'LVG_CONFIG_INVALID',
    })
  const layout = readLayout(transportOption(options, 'cluster'), `${names.transport}.cluster`)
  const sentinel = sentinelOptionsOf(options, transportOptions(settings, 'brokerTransportOptions'))
  const connectS = settings.redisSocketConnectTimeout ?? settings.brokerConnectionTimeout
  const silenceS = settings.redisSocketTimeout
  const leaseS = settings.brokerLease
  const ssl = settings[names.ssl]
  return {
    ...(keyPrefix === undefined ? {} : { keyPrefix }),
    ...(layout === undefined ? {} : { layout }),
    sentinel,
    ...(typeof connectS === 'number' ? { connectTimeoutMs: connectS * 1000 } : {}),
    ...(typeof silenceS === 'number'
      ? { silenceTimeoutMs: silenceS * 1000 }
      : typeof leaseS === 'number' && leaseS > 0
        ? { silenceTimeoutMs: Math.max(SHORTEST_SILENCE_MS, (leaseS * 1000) / 3) }
        : {}),
    ...(typeof ssl === 'object' && ssl !== null ? { tls: tlsOf(ssl as Settings) } : {}),
  }
}

/** Stores beside the broker, such as results, use the broker's Sentinel name where they have none of their own. */
function sentinelOptionsOf(options: Settings, broker: Settings): SentinelOptions {
  const own = (name: string): unknown => transportOption(options, name) ?? transportOption(broker, name)
  const [masterName, minOthers, kwargs] = [
    own('master_name'),
    own('min_other_sentinels'),
    own('sentinel_kwargs'),
  ]
  if (kwargs !== undefined && (typeof kwargs !== 'object' || kwargs === null))
    throw new ConfigurationError('sentinel_kwargs must be an object', {
      code: 'LVG_CONFIG_INVALID',
      hint: "Write it as sentinel_kwargs: { password: '…' }.",
    })
  // Just checked to be one, or absent.
  const { username, password, ssl, ...rest } = (kwargs ?? {}) as Settings
  return {
    ...(typeof masterName === 'string' ? { masterName } : {}),
    ...(typeof minOthers === 'number' ? { minOthers } : {}),
    ...(typeof username === 'string' ? { username } : {}),
    ...(typeof password === 'string' ? { password } : {}),
    ...(ssl === true ? { tls: readTlsFilesOf(tlsOf(rest)) } : {}),
  }
}

const readTlsFilesOf = (tls: RedisTls): RedisTls => ({
  ...tls,
  ...readTlsFiles(tls, new URLSearchParams(), TLS_FILES),
})

/** Node's names, or Celery's. */
function tlsOf(ssl: Settings): RedisTls {
  const text = (name: string, alias: string): string | undefined => {
    const value = ssl[name] ?? transportOption(ssl, alias)
    return typeof value === 'string' ? value : undefined
  }
  const ca = text('ca', 'ssl_ca_certs')
  const cert = text('cert', 'ssl_certfile')
  const key = text('key', 'ssl_keyfile')
  const servername = text('servername', 'ssl_server_hostname')
  const requirement = transportOption(ssl, 'ssl_cert_reqs')
  const verify = requirement === undefined ? true : demandsCertificate(String(requirement))
  if (verify === undefined)
    throw new ConfigurationError(`Unknown value of ssl_cert_reqs: ${String(requirement)}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: "Valid values are 'required' and 'none'.",
    })
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    verify: verify && ssl.rejectUnauthorized !== false,
    verifyHost: transportOption(ssl, 'ssl_check_hostname') !== false,
  }
}

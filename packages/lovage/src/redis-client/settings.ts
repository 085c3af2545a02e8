import { ConfigurationError } from '../kernel/index.js'
import type { RedisOptions, RedisTls } from './options.js'

type Settings = Readonly<Record<string, unknown>>

/** Which of an app's settings belong to a driver on Redis. */
export interface RedisSettingNames {
  /** Holds `globalKeyprefix` and the like. */
  readonly transport: 'brokerTransportOptions' | 'resultBackendTransportOptions'
  readonly ssl: 'brokerUseSsl' | 'redisBackendUseSsl'
}

/** An option of a driver, in Celery's spelling or in camelCase. */
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

/** How to connect, as an app's settings say. Throws a ConfigurationError for a value of the wrong kind. */
export function redisOptionsOf(settings: Settings, names: RedisSettingNames): RedisOptions {
  const options = transportOptions(settings, names.transport)
  const keyPrefix = transportOption(options, 'global_keyprefix')
  if (keyPrefix !== undefined && typeof keyPrefix !== 'string')
    throw new ConfigurationError(`${names.transport}.global_keyprefix is no text`, {
      code: 'LVG_CONFIG_INVALID',
    })
  const connectS = settings.redisSocketConnectTimeout ?? settings.brokerConnectionTimeout
  const silenceS = settings.redisSocketTimeout
  const ssl = settings[names.ssl]
  return {
    ...(keyPrefix === undefined ? {} : { keyPrefix }),
    ...(typeof connectS === 'number' ? { connectTimeoutMs: connectS * 1000 } : {}),
    ...(typeof silenceS === 'number' ? { silenceTimeoutMs: silenceS * 1000 } : {}),
    ...(typeof ssl === 'object' && ssl !== null ? { tls: tlsOf(ssl as Settings) } : {}),
  }
}

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
  const isOpen =
    ssl.rejectUnauthorized === false ||
    (requirement !== undefined && /none|optional|^0$/i.test(String(requirement)))
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    verify: !isOpen,
  }
}

import type { PostgresOptions, PostgresTls } from './options.js'

type Settings = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Settings => typeof value === 'object' && value !== null

/** A server may be busy for this long, however short the lease. */
const SHORTEST_STALL_MS = 2_000

/** Connection options from an app's settings: TLS from `ssl`, the pool and the timeouts from the driver's options. */
export function postgresOptionsOf(
  settings: Settings,
  transport: 'brokerTransportOptions' | 'resultBackendTransportOptions' = 'brokerTransportOptions',
): PostgresOptions {
  const given = settings[transport]
  const options = isRecord(given) ? given : {}
  const poolSize = options.poolSize ?? options.pool_size
  const connectS = settings.brokerConnectionTimeout
  const leaseS = settings.brokerLease
  const ssl = transport === 'brokerTransportOptions' ? settings.brokerUseSsl : options.ssl
  return {
    ...(typeof poolSize === 'number' && poolSize >= 1 ? { poolSize } : {}),
    ...(typeof connectS === 'number' ? { connectTimeoutMs: connectS * 1000 } : {}),
    ...(typeof leaseS === 'number' && leaseS > 0
      ? { stallMs: Math.max(SHORTEST_STALL_MS, (leaseS * 1000) / 3) }
      : {}),
    ...(isRecord(ssl) ? { tls: tlsOf(ssl) } : {}),
  }
}

function tlsOf(ssl: Settings): PostgresTls {
  const text = (name: 'ca' | 'cert' | 'key'): PostgresTls => {
    const value = ssl[name]
    return typeof value === 'string' ? { [name]: value } : {}
  }
  return { ...text('ca'), ...text('cert'), ...text('key'), verify: ssl.rejectUnauthorized !== false }
}

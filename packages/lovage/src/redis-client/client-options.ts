import type { RedisOptions as ClientOptions } from 'ioredis'
import type { RedisTarget } from './options.js'
import { sentinelConnector } from './sentinel-connector.js'
import { tlsOptions } from './tls.js'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000

/** Our terms in the client library's words. */
export function redisClientOptions(
  target: RedisTarget,
  name: string,
): ClientOptions & { replyMapping: 'legacy' } {
  const { host, port, path, username, password, tls, sentinels } = target
  return {
    ...(path === undefined ? { host, port } : { path }),
    ...(sentinels === undefined ? {} : { Connector: sentinelConnector(target, sentinels) }),
    db: target.db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls, host) }),
    connectionName: name,
    lazyConnect: true,
    protocol: 2,
    replyMapping: 'legacy',
    disableClientInfo: true,
    connectTimeout: target.connectTimeoutMs,
    socketTimeout: target.silenceTimeoutMs,
    keepAlive: 10_000,
    maxLoadingRetryTime: 250,
    // One failed attempt rejects what waits for it: whoever can wait longer asks again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy,
    // After a failover this line leads to what has become a replica; a new one leads to the primary.
    reconnectOnError: (error) => /^(READONLY|UNBLOCKED)/.test(error.message),
  }
}

/** 20, 40, 80 … 2000 ms, half of it by chance, so that a fleet does not come back in one moment. */
function retryStrategy(attempt: number): number {
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
  return pauseMs / 2 + (Math.random() * pauseMs) / 2
}

import { isIP } from 'node:net'
import type { RedisOptions as ClientOptions } from 'ioredis'
import type { RedisTarget, RedisTls } from './options.js'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000

/** Our terms in the client library's words. */
export function redisClientOptions(
  target: RedisTarget,
  name: string,
): ClientOptions & { replyMapping: 'legacy' } {
  const { username, password, tls } = target
  return {
    ...(target.path === undefined ? { host: target.host, port: target.port } : { path: target.path }),
    db: target.db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...servernameOf(target, tls),
            rejectUnauthorized: tls.verify ?? true,
          },
        }),
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
    reconnectOnError: (error) => /READONLY/.test(error.message),
  }
}

/** TLS names no bare addresses. */
function servernameOf({ host }: RedisTarget, { servername }: RedisTls): { readonly servername?: string } {
  if (servername !== undefined) return { servername }
  return isIP(host) === 0 ? { servername: host } : {}
}

/** 20, 40, 80 … 2000 ms, half of it by chance, so that a fleet does not come back in one moment. */
function retryStrategy(attempt: number): number {
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
  return pauseMs / 2 + (Math.random() * pauseMs) / 2
}

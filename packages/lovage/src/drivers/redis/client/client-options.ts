import type { RedisOptions as ClientOptions } from 'ioredis'
import { ClusterFinder } from './cluster-finder.js'
import { isElsewhere } from './errors.js'
import { findingConnector } from './finding-connector.js'
import type { RedisTarget } from './options.js'
import { SentinelFinder } from './sentinel-finder.js'
import type { ServerFinder } from './server-finder.js'
import { tlsOptions } from './tls.js'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000

/** Our terms in the client library's words. */
export function redisClientOptions(
  target: RedisTarget,
  name: string,
): ClientOptions & { replyMapping: 'legacy' } {
  const { host, port, path, username, password, tls } = target
  const finder = finderOf(target)
  return {
    ...(path === undefined ? { host, port } : { path }),
    ...(finder === undefined ? {} : { Connector: findingConnector(finder, tls) }),
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
    // This line leads to what has become a replica, or has given our keys away; a new one leads to where they are.
    reconnectOnError: (error) => isElsewhere(error.message),
  }
}

function finderOf(target: RedisTarget): ServerFinder | undefined {
  if (target.sentinels) return new SentinelFinder(target, target.sentinels)
  return target.cluster ? new ClusterFinder(target, target.cluster) : undefined
}

/** 20, 40, 80 … 2000 ms, half of it by chance, so that a fleet does not come back in one moment. */
function retryStrategy(attempt: number): number {
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
  return pauseMs / 2 + (Math.random() * pauseMs) / 2
}

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

/** Translates our options for the client library. */
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
    keepAlive: 10_000,
    maxLoadingRetryTime: 250,
    // One failed attempt rejects the commands that wait for it: callers that can wait longer retry.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy,
    // This connection leads to a server that became a replica, or has given our keys away; a new one leads to the right server.
    reconnectOnError: (error) => !target.isNode && isElsewhere(error.message),
  }
}

function finderOf(target: RedisTarget): ServerFinder | undefined {
  if (target.sentinels) return new SentinelFinder(target, target.sentinels)
  return target.cluster ? new ClusterFinder(target, target.cluster) : undefined
}

/** 20, 40, 80 … 2000 ms, half of it random, so that a fleet does not reconnect at one moment. */
function retryStrategy(attempt: number): number {
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
  return pauseMs / 2 + (Math.random() * pauseMs) / 2
}

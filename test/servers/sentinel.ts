import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.js'
import type { RedisServer } from './redis.js'
import { startRedis } from './redis.js'
import { ServerProcess, serverFolder } from './server-process.js'

/** How a group is set up. */
export interface SentinelGroupOptions {
  /** Of the data servers. */
  readonly password: string
  /** Of the Sentinels. */
  readonly sentinelPassword?: string
  /** Default 3. */
  readonly sentinels?: number
}

/** What the Sentinels call the primary. */
export const MASTER_NAME = 'shop'

/**
 * A primary with a replica, watched by Sentinels that find an outage soon, and none where a busy machine lets a server wait. On such a machine they
 * distrust their own clock for half a minute at a time (TILT) before they act: whoever waits for a failover waits longer than that.
 */
export class SentinelGroup implements AsyncDisposable {
  readonly #servers: readonly RedisServer[]
  readonly #sentinels: readonly Sentinel[]
  /** `sentinel://` with the data servers' password, and all Sentinels. */
  readonly url: string

  constructor(servers: readonly RedisServer[], sentinels: readonly Sentinel[], password: string) {
    this.#servers = servers
    this.#sentinels = sentinels
    this.url = sentinels.map(({ port }) => `sentinel://:${password}@127.0.0.1:${port}/0`).join(';')
  }

  /** The server that the Sentinels name now. */
  async primary(): Promise<RedisServer> {
    const port = await this.#sentinels[0]?.primaryPort()
    const server = this.#servers.find((one) => one.port === port)
    if (!server) throw new Error(`no server listens on ${port}`)
    return server
  }

  /** Has them change the roles while both are well. */
  async failOver(): Promise<void> {
    await this.#sentinels[0]?.call('FAILOVER', MASTER_NAME)
  }

  sentinel(index: number): Sentinel {
    const sentinel = this.#sentinels[index]
    if (!sentinel) throw new Error(`there is no Sentinel ${index}`)
    return sentinel
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.#sentinels, ...this.#servers]) await one.stop()
  }
}

/** One Sentinel. */
class Sentinel extends ServerProcess {
  readonly port: number
  readonly #password: string | undefined

  constructor(folder: string, port: number, password: string | undefined) {
    super({
      name: 'sentinel',
      command: 'redis-server',
      args: [join(folder, 'sentinel.conf'), '--sentinel'],
      folder,
      probe: async () => void (await this.call('PING')),
    })
    this.port = port
    this.#password = password
  }

  async call(...words: readonly [string, ...string[]]): Promise<unknown> {
    const client = new Redis({
      port: this.port,
      ...(this.#password === undefined ? {} : { password: this.#password }),
      lazyConnect: true,
      retryStrategy: () => null,
    })
    // The call itself fails.
    client.on('error', () => {})
    try {
      return await (words[0] === 'PING' ? client.call('PING') : client.call('SENTINEL', ...words))
    } finally {
      client.disconnect()
    }
  }

  async primaryPort(): Promise<number> {
    // Sentinels reply with host and port.
    const [, port] = (await this.call('GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as [string, string]
    return Number(port)
  }

  /** Resolves when it knows the replica and the others: before that it could not fail over. */
  async knowsAll(others: number): Promise<void> {
    for (const deadline = Date.now() + 90_000; ; ) {
      const replicas = (await this.call('REPLICAS', MASTER_NAME)) as readonly unknown[]
      const sentinels = (await this.call('SENTINELS', MASTER_NAME)) as readonly unknown[]
      if (replicas.length > 0 && sentinels.length >= others) return
      if (Date.now() > deadline) throw new Error(`a Sentinel knows too little:\n${this.log}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Starts a group and resolves when it could fail over. */
export async function startSentinelGroup(options: SentinelGroupOptions): Promise<SentinelGroup> {
  const { password, sentinelPassword, sentinels: count = 3 } = options
  const started: ServerProcess[] = []
  try {
    const primary = await startRedis({ password, config: { masterauth: password } })
    started.push(primary)
    const replica = await startRedis({
      password,
      config: { masterauth: password, replicaof: `127.0.0.1 ${primary.port}` },
    })
    started.push(replica)
    const sentinels: Sentinel[] = []
    for (let at = 0; at < count; at++) {
      const [folder, port] = [await serverFolder('sentinel'), await freePort()]
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        ...(sentinelPassword === undefined
          ? []
          : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
        `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${primary.port} ${Math.floor(count / 2) + 1}`,
        `sentinel auth-pass ${MASTER_NAME} ${password}`,
        `sentinel down-after-milliseconds ${MASTER_NAME} 4000`,
        `sentinel failover-timeout ${MASTER_NAME} 10000`,
      ]
      await writeFile(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`)
      const sentinel = new Sentinel(folder, port, sentinelPassword)
      sentinels.push(sentinel)
      started.push(sentinel)
      await sentinel.start()
    }
    await Promise.all(sentinels.map((sentinel) => sentinel.knowsAll(count - 1)))
    return new SentinelGroup([primary, replica], sentinels, password)
  } catch (error) {
    for (const one of started) await one.stop()
    throw error
  }
}

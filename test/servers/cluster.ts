import { Redis } from 'ioredis'
import { freePort } from './ports.js'
import { type RedisServer, startRedis } from './redis.js'

/** How a private Redis Cluster is set up. */
export interface ClusterOptions {
  readonly password?: string
  /** The append-only file of each server, as in `RedisOptions`. */
  readonly appendonly?: 'always' | 'no'
  /** Whether each of the three owners has a replica. Default false. */
  readonly replicas?: boolean
}

/** Slots of three owners. */
const RANGES = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const

/** A private Redis Cluster of three owners of slots, with or without replicas. */
export class RedisCluster implements AsyncDisposable {
  readonly servers: readonly RedisServer[]
  readonly #password: string | undefined

  constructor(servers: readonly RedisServer[], password: string | undefined) {
    this.servers = servers
    this.#password = password
  }

  /** `redis+cluster://` naming these servers, default all of them. */
  url(servers = this.servers): string {
    const credentials = this.#password === undefined ? '' : `:${this.#password}@`
    return servers.map(({ port }) => `redis+cluster://${credentials}127.0.0.1:${port}`).join(';')
  }

  /** The server that owns the slot of a key, as one that runs says. */
  async ownerOf(key: string): Promise<RedisServer> {
    const client = connect(this.servers.find(({ running }) => running))
    try {
      const slot = await client.cluster('KEYSLOT', key)
      const ranges = await client.cluster('SLOTS')
      const [, , owner] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? []
      const server = this.servers.find(({ port }) => port === owner?.[1])
      if (!server) throw new Error(`nobody owns slot ${slot}`)
      return server
    } finally {
      client.disconnect()
    }
  }

  /** Moves the slot of a key to another owner, key by key, as `redis-cli --cluster reshard` does. */
  async moveSlot(key: string, to: RedisServer): Promise<void> {
    const from = await this.ownerOf(key)
    const [source, target] = [connect(from), connect(to)]
    const others = this.servers.filter(({ running }) => running).map(connect)
    try {
      const slot = await source.cluster('KEYSLOT', key)
      const [sourceId, targetId] = await Promise.all([
        source.call('CLUSTER', 'MYID'),
        target.call('CLUSTER', 'MYID'),
      ])
      await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId))
      await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId))
      const auth = this.#password === undefined ? [] : ['AUTH', this.#password]
      for (;;) {
        const keys = await source.cluster('GETKEYSINSLOT', slot, 1)
        if (keys.length === 0) break
        await source.call('MIGRATE', '127.0.0.1', to.port, '', 0, 60_000, ...auth, 'KEYS', ...keys)
      }
      // The target first: a source without it would send clients to itself.
      for (const client of [target, source, ...others])
        await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId)).catch((error: unknown) => {
          // Replicas hear of it from their owner.
          if (!/replica/.test(String(error))) throw error
        })
    } finally {
      for (const client of [source, target, ...others]) client.disconnect()
    }
  }

  /** Resolves when every server that runs finds the Cluster well, and itself and its replicas up to date. */
  async ready(): Promise<void> {
    const running = this.servers.filter((server) => server.running)
    for (const deadline = Date.now() + 60_000; ; ) {
      const states = await Promise.all(running.map(isWell))
      if (states.every(Boolean)) return
      if (Date.now() > deadline)
        throw new Error(`the Cluster is not well:\n${this.servers.map(({ log }) => log).join('\n')}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Starts a Cluster and resolves when it takes commands. */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { password, replicas = false, appendonly = 'no' } = options
  const servers: RedisServer[] = []
  try {
    for (let at = 0; at < RANGES.length * (replicas ? 2 : 1); at++) {
      const config = {
        'cluster-enabled': 'yes',
        'cluster-node-timeout': 4_000,
        'cluster-announce-ip': '127.0.0.1',
        'cluster-port': await freePort(),
        ...(password === undefined ? {} : { masterauth: password }),
      }
      servers.push(await startRedis({ appendonly, config, ...(password === undefined ? {} : { password }) }))
    }
    await join(servers)
    const cluster = new RedisCluster(servers, password)
    await cluster.ready()
    return cluster
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()))
    throw error
  }
}

async function join(servers: readonly RedisServer[]): Promise<void> {
  const clients = servers.map(connect)
  try {
    const [first] = clients
    if (!first) return
    for (const [at, client] of clients.entries()) {
      const range = RANGES[at]
      if (range) await client.call('CLUSTER', 'ADDSLOTSRANGE', ...range.map(String))
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1))
    }
    const busOf = async (client: Redis): Promise<string> => {
      // A list of names and values.
      const [, port] = (await client.config('GET', 'cluster-port')) as [string, string]
      return port
    }
    for (const [at, client] of clients.entries()) {
      const port = String(servers[at]?.port)
      if (at > 0) await first.call('CLUSTER', 'MEET', '127.0.0.1', port, await busOf(client))
    }
    for (const [at, client] of clients.entries()) {
      const owner = clients[at - RANGES.length]
      if (!owner) continue
      const id = String(await owner.call('CLUSTER', 'MYID'))
      // It must have heard of its owner first.
      await patiently(() => client.call('CLUSTER', 'REPLICATE', id))
    }
  } finally {
    for (const client of clients) client.disconnect()
  }
}

async function patiently(attempt: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    try {
      await attempt()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function isWell(server: RedisServer): Promise<boolean> {
  const client = connect(server)
  try {
    const info = String(await client.cluster('INFO'))
    const replication = await client.info('replication')
    const isCopying = /role:slave/.test(replication) && !/master_link_status:up/.test(replication)
    // Where a replica finds itself up to date, its owner may not have heard of it yet.
    const isSending = /^slave\d+:.*,state=(?!online,)/m.test(replication)
    return /cluster_state:ok/.test(info) && !isCopying && !isSending
  } finally {
    client.disconnect()
  }
}

function connect(server: RedisServer | undefined): Redis {
  if (!server) throw new Error('no server runs')
  const { port, password } = server
  return new Redis({ port, ...(password === undefined ? {} : { password }) })
}

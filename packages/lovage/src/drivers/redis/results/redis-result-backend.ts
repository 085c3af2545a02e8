import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from '../../../result/index.js'
import { decodeMeta, encodeMeta, readOptionsOf } from '../../shared/index.js'
import {
  defineScript,
  offerResultWriter,
  parseRedisUrl,
  RedisConnection,
  redisOptionsOf,
  STORE_RESULT_LUA,
} from '../client/index.js'
import { RedisJoinStore } from './redis-join-store.js'
import { ResultWatch } from './result-watch.js'

const STORE = defineScript<string[], (string | number)[], 1>({
  file: new URL('./lua/store.lua', import.meta.url),
  uses: [STORE_RESULT_LUA],
  keys: ['results…'],
  args: ['results…'],
})

const KEY = 'celery-task-meta-'
const AT_ONCE = 500

/** A pending record, and its waiting caller. */
interface Pending {
  readonly record: ResultRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Opens results on Redis under Celery's keys; the first operation connects. Throws a ConfigurationError. */
export async function openRedisResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  return new RedisResultBackend(url, options)
}

/** Results as Celery's Redis backend keeps them: one JSON string per task, announced on a channel of the same name. */
class RedisResultBackend implements ResultBackend {
  readonly kind = 'redis'
  readonly expiresItself = true
  readonly location: string
  readonly joins: RedisJoinStore
  readonly #connection: RedisConnection
  readonly #watch: ResultWatch
  readonly #prefix: string
  readonly #ttlS: number
  readonly #read: ReadOptions
  #pending: Pending[] = []

  constructor(url: string, { settings, clock, logger }: DriverOptions) {
    const names = { transport: 'resultBackendTransportOptions', ssl: 'redisBackendUseSsl' } as const
    const target = parseRedisUrl(url, redisOptionsOf(settings, names))
    this.location = target.location
    this.#connection = new RedisConnection(target, 'lovage:results')
    this.#prefix = joined(target.keyPrefix) + KEY
    this.#ttlS = Math.ceil(Number(settings.resultExpires ?? 86_400))
    this.#read = readOptionsOf(settings)
    this.joins = new RedisJoinStore(this.#connection, joined(target.keyPrefix), this.#ttlS, {
      read: this.#read,
      resultsOf: (ids) => this.get(ids),
    })
    this.#watch = new ResultWatch({
      target,
      clock,
      logger,
      keyOf: (id) => this.#prefix + id,
      read: (id, json) => decodeMeta(id, json, this.#read),
      fetch: (ids) => this.#fetch(ids),
    })
    offerResultWriter(this, {
      server: target.server,
      encodeRecord: (record) => this.#encodeRecord(record),
    })
  }

  #encodeRecord(record: ResultRecord): {
    readonly key: string
    readonly json: string
    readonly ttlS: number
  } {
    return { key: this.#prefix + record.id, json: encodeMeta(record), ttlS: this.#ttlS }
  }

  async store(records: readonly ResultRecord[]): Promise<void> {
    await Promise.all(
      records.map(
        (record) =>
          new Promise<void>((resolve, reject) => {
            if (this.#pending.length === 0) setImmediate(() => this.#flush())
            this.#pending.push({ record, resolve, reject })
          }),
      ),
    )
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    const found: TaskResult[] = []
    const jsons = await this.#fetch(ids)
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index]
      const json = jsons[index]
      if (id !== undefined && typeof json === 'string') found.push(decodeMeta(id, json, this.#read))
    }
    return found
  }

  watch(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe {
    return this.#watch.add(ids, on)
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const keys = ids.slice(at, at + AT_ONCE).map((id) => this.#prefix + id)
      await this.#connection.send('unlink', keys)
    }
  }

  /** Redis expires results itself. */
  async prune(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    this.#watch.close()
    this.#connection.close()
  }

  async #fetch(ids: readonly string[]): Promise<(string | null)[]> {
    const batches: Promise<(string | null)[]>[] = []
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const keys = ids.slice(at, at + AT_ONCE).map((id) => this.#prefix + id)
      batches.push(this.#connection.send('mget', keys))
    }
    return (await Promise.all(batches)).flat()
  }

  #flush(): void {
    const pending = this.#pending
    this.#pending = []
    for (let at = 0; at < pending.length; at += AT_ONCE) this.#send(pending.slice(at, at + AT_ONCE))
  }

  #send(pending: readonly Pending[]): void {
    const keys: string[] = []
    const words: (string | number)[] = []
    for (const { record } of pending) {
      const { key, ttlS, json } = this.#encodeRecord(record)
      keys.push(key)
      words.push(ttlS, json)
    }
    STORE.run(this.#connection, keys, words).then(
      () => {
        for (const { resolve } of pending) resolve()
      },
      (error: unknown) => {
        for (const { reject } of pending) reject(error)
      },
    )
  }
}

/** Celery appends `_` to a prefix that does not end with one of its separators. */
const joined = (prefix: string): string => (prefix === '' || /[:_\-.]$/.test(prefix) ? prefix : `${prefix}_`)

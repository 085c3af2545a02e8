import type { ResultBackend, ResultRecord } from '../../../result/index.js'

/** The interface of Redis results to a broker on the same server: a result is stored in the step that acknowledges its task. */
export interface RedisResultWriter {
  /** `RedisTarget.server` of the results. */
  readonly server: string
  /** Key (which is also the channel), JSON, and life in seconds (0 = forever) of a record. */
  encodeRecord(record: ResultRecord): {
    readonly key: string
    readonly json: string
    readonly ttlS: number
  }
}

const writers = new WeakMap<ResultBackend, RedisResultWriter>()

/** Lets brokers of this process write the results that `backend` would store. */
export function offerResultWriter(backend: ResultBackend, writer: RedisResultWriter): void {
  writers.set(backend, writer)
}

/** The writer of a backend whose results are on `server`; undefined for any other. */
export function resultWriterOf(
  backend: ResultBackend | undefined,
  server: string,
): RedisResultWriter | undefined {
  const writer = backend && writers.get(backend)
  return writer?.server === server ? writer : undefined
}

/** Lua: `storeResult(key, ttlS, json)` stores and announces a result unless a SUCCESS is already stored. */
export const STORE_RESULT_LUA = new URL('./lua/store-result.lua', import.meta.url)

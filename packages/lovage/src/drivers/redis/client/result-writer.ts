/**
 * What a result backend on Redis offers to a broker on the same server, so that a result is stored in the step that
 * acknowledges its task. The two drivers do not know each other; they know this.
 */
export interface RedisResultWriter<Record = never> {
  /** `RedisTarget.server` of the results. */
  readonly redisServer: string
  /** Key (which is the channel too), JSON, and life in seconds (0 = for ever) of a record. */
  encodeRecord(record: Record): {
    readonly key: string
    readonly json: string
    readonly ttlS: number
  }
}

/** Lua: `storeResult(key, ttlS, json)` stores and announces a result unless a SUCCESS is there. */
export const STORE_RESULT_LUA = new URL('./lua/store-result.lua', import.meta.url)

/** A body or a result too large for its broker or result backend, on its way to a store. */
export interface Payload {
  /** `<day>/<id>`: it is needed until that day (`YYYY-MM-DD`, UTC) is over, or for ever (`kept`). */
  readonly key: string
  readonly bytes: Buffer
}

/** A store of large payloads (`largePayloadUrl`). Payloads are written once, read any number of times, and expire by the day in their key. */
export interface PayloadStore {
  /** Where it is, without secrets. */
  readonly location: string
  /** Stores payloads durably; repeating it changes nothing. */
  put(payloads: readonly Payload[]): Promise<void>
  /** Returns a payload; undefined when there is none, or it has expired. One with more than `maxBytes` may be cut off after them. */
  get(key: string, maxBytes: number): Promise<Buffer | undefined>
  /** Removes payloads of days before this one (`YYYY-MM-DD`). A store that the server empties by itself does nothing. */
  prune(beforeDay: string): Promise<void>
  close(): Promise<void>
}

/** The days of keys that this process writes and accepts: a key in a message comes from strangers, and may become a path. */
const KEY = /^(\d{4}-\d\d-\d\d|kept)\/[A-Za-z0-9_-]{1,200}$/

/** Whether a text is a key. */
export const isPayloadKey = (key: unknown): key is string => typeof key === 'string' && KEY.test(key)

/** The key of a payload that is needed until `untilMs` (Unix ms; undefined = for ever). Characters of `id` that keys lack become `_`. */
export function payloadKey(id: string, untilMs: number | undefined): string {
  const day = untilMs === undefined ? 'kept' : payloadDay(untilMs)
  return `${day}/${id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 200)}`
}

/** The day of a time, as in keys. */
export const payloadDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

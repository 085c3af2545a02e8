import { hostname } from 'node:os'
import { waitForLease } from '../../coordination/index.js'
import { newId } from '../../kernel/index.js'
import { decodeJson, encodeJson } from '../../message/index.js'
import type { AppCore } from '../core/index.js'

/** Options for doing something once. */
export interface OnceOptions {
  /** Seconds for which the outcome is remembered. Default one day. */
  readonly ttl?: number
  /** Seconds after which another process may start if the current one has died. Default 10. */
  readonly lease?: number
  /** Ends the wait for another caller that is doing the work now. */
  readonly signal?: AbortSignal
}

const SPACE = 'once'
const DAY_S = 86_400

/**
 * Does `work` once under `key`, in the whole fleet: later callers get the first caller's value, concurrent callers
 * wait for it. A failure is not remembered: the next caller tries again.
 *
 * The value is stored after `work` has ended. A process that dies in between leaves nothing, and the work is done again:
 * pass `key` on to the services the work calls, if they can recognise repetitions.
 */
export async function once<T>(
  core: AppCore,
  key: string,
  work: () => T | Promise<T>,
  { ttl = DAY_S, lease: leaseS = 10, signal }: OnceOptions = {},
): Promise<T> {
  const coordination = await core.coordination()
  const kept = async (): Promise<string | undefined> =>
    (await coordination.list(SPACE, [key])).find((mark) => mark.key === key)?.value
  // It was written by `work` of this key, in this process or another.
  const decoded = (json: string): T => decodeJson(json) as T

  const before = await kept()
  if (before !== undefined) return decoded(before)
  const found = new AbortController()
  const unwatch = coordination.watch(SPACE, () => {
    kept().then(
      (json) => json !== undefined && found.abort(),
      // Acquiring the lease itself will report the store's fault.
      (error: unknown) => core.logger.debug({ err: error, key }, 'could not check whether it is done'),
    )
  })
  try {
    const lease = await waitForLease(
      {
        clock: core.clock,
        logger: core.logger,
        coordination,
        lease: `${SPACE}:${key}`,
        label: `the lease for doing ${key} once`,
        holder: `${hostname()}.${newId()}`,
        leaseMs: leaseS * 1000,
      },
      signal ? AbortSignal.any([signal, found.signal]) : found.signal,
    )
    try {
      // Done by another process between the first look and the lease.
      const meanwhile = await kept()
      if (meanwhile !== undefined) return decoded(meanwhile)
      signal?.throwIfAborted()
      const json = encodeJson((await work()) ?? null, `the value of ${key}`)
      const mark = { key, value: json, expiresMs: core.clock.now() + ttl * 1000 }
      // If the lease was lost meanwhile and another process finished first, all callers return that one's value.
      const [stands] = await coordination.put(SPACE, [mark], { ifAbsent: true })
      return decoded(stands?.value ?? json)
    } finally {
      await lease?.release()
    }
  } finally {
    unwatch()
  }
}

import { abortAfter } from 'lovage'
import { connectionsOf } from 'lovage/driver'
import { app } from '../lms/app.js'
import { openWarehouse } from '../warehouse/open-warehouse.js'
import type { Learner, Warehouse } from '../warehouse/warehouse.js'
import { cached, queries } from './measures.js'

/** Nobody waits longer for the warehouse. */
export const LIMIT_MS = 3000
const SPACE = 'learning-time'
const TTL_MS = { known: 3_600_000, none: 3_600_000, error: 60_000 } as const
/** For so long whoever comes late gets what the first one found, should it be gone from the cache. */
const FLIGHT_S = 5
/** A worker that dies while it asks keeps the others waiting no longer. */
const LEASE_S = 1

/** What is known: seconds, that nothing is known, or that the warehouse failed a moment ago. */
export type Found =
  | { readonly kind: 'known'; readonly seconds: bigint }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly message: string }

let warehouse: Warehouse | undefined

/** `learning_time:{user_id}:{course_id}:{enterprise_uuid}` */
export const cacheKey = ({ userId, courseId, enterpriseUuid }: Learner): string =>
  `learning_time:${userId}:${courseId}:${enterpriseUuid}`

/**
 * A learner's time: from the cache of the whole fleet (an hour; errors a minute), else from the warehouse. Of those who ask for the same at
 * the same time one asks the warehouse, and the others wait for it. Never throws; nobody waits longer than `LIMIT_MS`.
 */
export async function learningTime(learner: Learner, signal: AbortSignal): Promise<Found> {
  const limit = abortAfter(LIMIT_MS, signal)
  const key = cacheKey(learner)
  try {
    const store = await connectionsOf(app).coordination()
    const look = async (): Promise<Found | undefined> => {
      const mark = (await store.list(SPACE, [key])).find((each) => each.key === key)
      return mark?.value === undefined ? undefined : decode(mark.value)
    }
    const known = await look()
    cached.inc({ result: known ? 'hit' : 'miss' })
    if (known) return known
    const text = await app.once(
      `flight:${key}`,
      async () => {
        const meanwhile = await look()
        if (meanwhile) return encode(meanwhile)
        const found = await ask(learner, limit)
        await store.put(SPACE, [
          { key, value: encode(found), expiresMs: app.clock.now() + TTL_MS[found.kind] },
        ])
        return encode(found)
      },
      { ttl: FLIGHT_S, lease: LEASE_S, signal: limit },
    )
    return decode(text)
  } catch (error) {
    return { kind: 'error', message: reasonOf(error, limit) }
  }
}

async function ask(learner: Learner, limit: AbortSignal): Promise<Found> {
  const beganMs = performance.now()
  try {
    warehouse ??= openWarehouse(process.env)
    const seconds = await warehouse.learningTime(learner, limit)
    return seconds === null ? { kind: 'none' } : { kind: 'known', seconds }
  } catch (error) {
    return { kind: 'error', message: reasonOf(error, limit) }
  } finally {
    queries.observe((performance.now() - beganMs) / 1000)
  }
}

/** Asks the warehouse something small; for doctor. */
export async function checkWarehouse(): Promise<string> {
  warehouse ??= openWarehouse(process.env)
  return warehouse.check(AbortSignal.timeout(LIMIT_MS))
}

function reasonOf(error: unknown, limit: AbortSignal): string {
  if (limit.aborted && limit.reason instanceof DOMException && limit.reason.name === 'TimeoutError')
    return `the warehouse has not answered within ${LIMIT_MS} ms`
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return (error instanceof Error ? error.message : String(error)) + cause
}

// A bigint is no JSON.
const encode = (found: Found): string =>
  JSON.stringify(found.kind === 'known' ? { ...found, seconds: String(found.seconds) } : found)

function decode(text: string): Found {
  // Written by `encode`.
  const found = JSON.parse(text) as { kind: Found['kind']; seconds: string; message: string }
  return found.kind === 'known'
    ? { kind: 'known', seconds: BigInt(found.seconds) }
    : found.kind === 'none'
      ? { kind: 'none' }
      : { kind: 'error', message: found.message }
}

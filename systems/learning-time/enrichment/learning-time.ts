import { enrichment } from '@lovage/webhooks'
import { app } from '../lms/app.js'
import { openWarehouse } from '../warehouse/open-warehouse.js'
import type { Learner, Warehouse } from '../warehouse/warehouse.js'
import { isEnrichmentOn } from './flags.js'
import { COMPLETION, hooks } from './hooks.js'
import { cached, outcomes, queries } from './measures.js'
import { type Payload, withLearningTime } from './payload.js'
import type { Completion } from './send-completion.js'

/** Nobody waits longer for the warehouse. */
export const LIMIT_MS = 3000
/** For so long whoever comes late gets what the first one found, should it be gone from the cache. */
const FLIGHT_S = 5
/** A worker that dies while it asks keeps the others waiting no longer. */
const LEASE_S = 1

/** A completion before it is sent. */
export interface Passed {
  readonly completion: Completion
  readonly payload: Payload
}

let warehouse: Warehouse | undefined

/** `learning_time:{user_id}:{course_id}:{enterprise_uuid}` */
export const cacheKey = ({ completion }: Passed): string =>
  `learning_time:${completion.user_id}:${completion.course_id}:${completion.enterprise_customer_uuid}`

/**
 * Adds a learner's time to the payload of a completion: `learningTime.apply(passed, signal)`. It comes from the cache of the whole fleet (an
 * hour; errors a minute), else from the warehouse. Of those who ask for the same at the same time one asks the warehouse, and the others wait
 * for it. Never throws, nobody waits longer than `LIMIT_MS`, and while the feature is off nobody asks.
 */
export const learningTime = enrichment<Passed, string>(hooks, {
  name: 'learning_time',
  type: COMPLETION,
  key: cacheKey,
  timeoutMs: LIMIT_MS,
  ttlS: 3600,
  errorTtlS: 60,
  isEnabled: () => isEnrichmentOn(app.clock.now()),
  load: (passed, signal) =>
    app.once(`flight:${cacheKey(passed)}`, () => ask(passed.completion, signal), {
      ttl: FLIGHT_S,
      lease: LEASE_S,
      signal,
    }),
  merge: ({ completion, payload }, seconds) => ({
    completion,
    payload: withLearningTime(payload, BigInt(seconds)),
  }),
  onOutcome: (outcome, cache) => {
    outcomes.inc({ outcome })
    if (cache !== 'none') cached.inc({ result: cache })
  },
})

/** Whole seconds, as digits: there may be more than 2^53. */
async function ask(completion: Completion, signal: AbortSignal): Promise<string | null> {
  const beganMs = performance.now()
  const learner: Learner = {
    userId: BigInt(completion.user_id),
    courseId: completion.course_id,
    enterpriseUuid: completion.enterprise_customer_uuid,
  }
  try {
    warehouse ??= openWarehouse(process.env)
    const seconds = await warehouse.learningTime(learner, signal)
    return seconds === null ? null : String(seconds)
  } finally {
    queries.observe((performance.now() - beganMs) / 1000)
  }
}

/** Asks the warehouse something small; for doctor. */
export async function checkWarehouse(): Promise<string> {
  warehouse ??= openWarehouse(process.env)
  return warehouse.check(AbortSignal.timeout(LIMIT_MS))
}

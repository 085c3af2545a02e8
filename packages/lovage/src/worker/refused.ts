import type { LovageError } from '../kernel/index.js'
import type { TaskHeaders } from '../message/index.js'
import type { SettlePlan } from './settle-plan.js'

/** A message that does not run, or not to its end: the plan that ends it, and the details to report. */
export type Refused =
  | {
      readonly kind: 'postpone'
      readonly plan: SettlePlan
      readonly headers: TaskHeaders
      readonly untilMs: number
    }
  | {
      readonly kind: 'revoked'
      readonly plan: SettlePlan
      readonly headers: TaskHeaders
      readonly why: 'expired' | 'revoked' | 'terminated' | 'superseded'
      /** The signal that ended its run, and its number. */
      readonly signal?: NodeJS.Signals
      readonly signum?: number | null
    }
  | { readonly kind: 'unknown'; readonly plan: SettlePlan; readonly headers: TaskHeaders }
  | {
      readonly kind: 'refused'
      readonly plan: SettlePlan
      /** undefined = they cannot be read. */
      readonly headers?: TaskHeaders
      readonly error: LovageError
    }

import type { LovageError } from '../kernel/index.js'
import type { TaskHeaders } from '../message/index.js'
import type { SettlePlan } from './settle-plan.js'

/** A message that does not run, or not on: the plan that ends it, and what there is to tell about it. */
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
      /** What ended its run, and the number of that signal. */
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

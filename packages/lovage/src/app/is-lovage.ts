import { APP_MARK } from './core/index.js'
import type { Lovage } from './lovage.js'

/** Whether a value is an app, whichever installed copy of this package made it. */
export function isLovage(value: unknown): value is Lovage {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[APP_MARK] === true
}

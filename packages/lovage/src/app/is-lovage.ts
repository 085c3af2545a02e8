import { hasCore } from './core/index.js'
import type { Lovage } from './lovage.js'

/** Whether a value is an app, whichever installed copy of this package made it. */
export const isLovage = (value: unknown): value is Lovage => hasCore(value)

import { hasCore } from './core/index.js'
import type { Lovage } from './lovage.js'

/** Whether a value is an app, made by any installed copy of this package. */
export const isLovage = (value: unknown): value is Lovage => hasCore(value)

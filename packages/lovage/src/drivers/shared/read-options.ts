import type { DriverOptions } from '../../kernel/index.js'
import type { ReadOptions } from '../../message/index.js'

/** How an app wants stored values to be read. */
export const readOptionsOf = (settings: DriverOptions['settings']): ReadOptions => ({
  integers: settings.integers === 'bigint' ? 'bigint' : 'number',
})

import type { DriverOptions } from '../../kernel/index.js'
import type { ReadOptions } from '../../message/index.js'

/** An app's options for reading stored values. */
export const readOptionsOf = (settings: DriverOptions['settings']): ReadOptions => ({
  integers: settings.integers === 'bigint' ? 'bigint' : 'number',
})

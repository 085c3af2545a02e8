import type { Clock, Logger } from '../../kernel/index.js'
import type { SettingsInput } from '../settings/index.js'
import type { Middleware } from '../tasks/index.js'

/** Options of an app other than settings. */
export interface AppOptions extends SettingsInput {
  /** What runs around publishing and around each run, the first one outermost. */
  readonly middleware?: readonly Middleware[]
  /** The logger; a pino logger fits. Default: JSON on standard error, warnings and worse. */
  readonly logger?: Logger
  /** For tests that control time by hand. */
  readonly clock?: Clock
  /** The environment from which settings are read. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv
}

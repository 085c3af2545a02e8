import type { Clock, Logger } from '../../kernel/index.js'
import type { SettingsInput } from '../settings/index.js'
import type { Middleware } from '../tasks/index.js'

/** What an app takes besides settings. */
export interface AppOptions extends SettingsInput {
  readonly middleware?: readonly Middleware[]
  /** Where log lines go; a pino logger fits. Default: JSON on standard error, warnings and worse. */
  readonly logger?: Logger
  /** For tests that move time by hand. */
  readonly clock?: Clock
  /** Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv
}

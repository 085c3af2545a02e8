import type { Clock } from './clock.js'
import type { Logger } from './logger.js'

/** Options that every driver is opened with. */
export interface DriverOptions {
  /** The app's settings by name; a driver reads those that are its own (`brokerTransportOptions`, `resultExpires`). */
  readonly settings: Readonly<Record<string, unknown>>
  readonly clock: Clock
  readonly logger: Logger
  /** Where answers to this app in this process arrive; a name that no other process has. */
  readonly replyTo?: string
}

/** Opens the store that a URL names. */
export type OpenDriver<T> = (url: string, options: DriverOptions) => Promise<T>

import type { Clock } from './clock.js'
import type { Logger } from './logger.js'

/** The options with which every driver is opened. */
export interface DriverOptions {
  /** The app's settings by name; a driver reads its own (`brokerTransportOptions`, `resultExpires`). */
  readonly settings: Readonly<Record<string, unknown>>
  readonly clock: Clock
  readonly logger: Logger
  /** The address for replies to this app in this process; unique to the process. */
  readonly replyTo?: string
  /** An outbox calls this before it publishes messages of committed transactions, with their headers. May be repeated. */
  readonly relaying?: (headers: readonly Readonly<Record<string, unknown>>[]) => Promise<void>
}

/** Opens the store at a URL. */
export type OpenDriver<T> = (url: string, options: DriverOptions) => Promise<T>

/** `lovage/driver`: what servers are to the engine, for programs that look at them and for drivers of one's own. */
import { coreOf } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import type { Broker } from '../broker/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import type { ResultBackend } from '../result/index.js'

/** What an app is connected to; each is opened on first use and closed with the app. */
export interface AppConnections {
  broker(): Promise<Broker>
  /** Whether results are kept at all. */
  readonly hasResults: boolean
  /** @throws {ResultError} LVG_RESULT_DISABLED when there is no result backend. */
  results(): Promise<ResultBackend>
  /** Limits, revokes, pauses and unique keys. @throws {ConfigurationError} LVG_DRIVER_UNKNOWN where the broker keeps messages only and `coordinationUrl` is not set. */
  coordination(): Promise<CoordinationStore>
}

/**
 * The connections of an app, for tools that look deeper than `app.queues`, `app.deadLetters` and `app.control` do.
 *
 * @example const { capabilities } = await connectionsOf(app).broker()
 */
export const connectionsOf = (app: Lovage): AppConnections => coreOf(app)

/**
 * `lovage/driver`: what a server is to the engine. For drivers of one's own, which `lovage/driver/suites` examines, and
 * for tools that look deeper than `app.queues`, `app.deadLetters` and `app.control` do.
 */
import { coreOf } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import type { Broker } from '../broker/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import { registerDriver as addDriver } from '../drivers/index.js'
import type { Driver } from '../drivers/shared/index.js'
import type { ResultBackend } from '../result/index.js'

export type {
  Binding,
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  Delivery,
  DepthOptions,
  ExchangeType,
  PublishTransaction,
  Queue,
  QueueAdmin,
  QueueDepth,
  QueuedMessage,
  Settlement,
} from '../broker/index.js'
export type { CoordinationStore } from '../coordination/index.js'
export { type DeadLetter, type DeadLetterStore, listLetters } from '../dead-letter/index.js'
export type { Driver, Load, OpenOutbox, OpenSchedule } from '../drivers/shared/index.js'
export { bindingOf, matchesTopic, route, safeListener } from '../drivers/shared/index.js'
export { encodeEnvelope } from '../envelope/index.js'
export type { DriverOptions, OpenDriver } from '../kernel/index.js'
export type { IncomingMessage, OutgoingMessage, TaskHeaders } from '../message/index.js'
export type { ResultBackend, ResultRecord, TaskResult } from '../result/index.js'
export type { ScheduleStore } from '../schedule-store/index.js'

/**
 * Lets URLs of a scheme be served by a driver of one's own, wherever settings name one: `broker`, `resultBackend`,
 * `coordinationUrl`, … Do it in the module of the app, so that workers and their children do it too.
 *
 * @param scheme What URLs begin with, without the colon: `acme` for `acme://host`.
 * @param driver Its parts; what it cannot be, it lacks.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when the scheme is none, or taken.
 * @example registerDriver('acme', { reach: 'network', broker: async () => openAcme })
 */
export function registerDriver(scheme: string, driver: Driver): void {
  addDriver(scheme, driver)
}

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
 * The connections of an app.
 *
 * @example const { capabilities } = await connectionsOf(app).broker()
 */
export const connectionsOf = (app: Lovage): AppConnections => coreOf(app)

/**
 * The engine's interface to a server. For custom drivers, which `lovage/driver/suites` tests, and
 * for tools that need more detail than `app.queues`, `app.deadLetters` and `app.control` give.
 *
 * @module lovage/driver
 */
import { coreOf } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import type { Broker } from '../broker/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import { registerDriver as addDriver } from '../drivers/index.js'
import type { Driver } from '../drivers/shared/index.js'
import type { PageAnswer } from '../node/index.js'
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
  OnMissed,
  PublishTransaction,
  Queue,
  QueueAdmin,
  QueueDepth,
  QueuedMessage,
  Settlement,
} from '../broker/index.js'
export type {
  CallersTransaction,
  CoordinationStore,
  LeaseGrant,
  Mark,
  MarkListener,
  MarkReplacement,
  RateRequest,
  SlotRequest,
  TurnRequest,
} from '../coordination/index.js'
export {
  type DeadLetter,
  type DeadLetterStore,
  listLetters,
  type OpenDeadLetterStore,
} from '../dead-letter/index.js'
export type {
  Driver,
  Hear,
  Load,
  OpenBroker,
  OpenOther,
  OpenOutbox,
  OpenSchedule,
} from '../drivers/shared/index.js'
export { bindingOf, matchesTopic, route, safeListener } from '../drivers/shared/index.js'
export { encodeEnvelope, type PriorityToWire } from '../envelope/index.js'
export type { DriverOptions, OpenDriver } from '../kernel/index.js'
export type { IncomingMessage, Message, OutgoingMessage, TaskHeaders } from '../message/index.js'
export type { PageAnswer } from '../node/index.js'
export type { Payload, PayloadStore } from '../payload/index.js'
export type {
  ArrivedPart,
  CompletedJoin,
  HoldOptions,
  Join,
  JoinPart,
  JoinStore,
  ResultBackend,
  ResultRecord,
  TaskResult,
} from '../result/index.js'
export type {
  Advance,
  AdvanceReply,
  Entry,
  EntryPut,
  EntryState,
  ScheduleStore,
} from '../schedule-store/index.js'

/**
 * Serves URLs of a scheme with a custom driver, wherever settings name one: `broker`, `resultBackend`,
 * `coordinationUrl`, … Call it in the app's module, so that workers and their children call it too.
 *
 * @param scheme The beginning of the URLs, without the colon: `acme` for `acme://host`.
 * @param driver Its parts; roles it does not support are absent.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when the scheme is invalid or taken.
 * @example
 * import { type Broker, registerDriver } from 'lovage/driver'
 * const openAcme = async (url: string): Promise<Broker> => {
 *   throw new Error(`to be written: a broker for ${url}`)
 * }
 * registerDriver('acme', { reach: 'network', broker: async () => openAcme })
 */
export function registerDriver(scheme: string, driver: Driver): void {
  addDriver(scheme, driver)
}

/** An app's connections; each is opened on first use and closed with the app. */
export interface AppConnections {
  broker(): Promise<Broker>
  /** Whether results are stored at all. */
  readonly hasResults: boolean
  /** @throws {ResultError} LVG_RESULT_DISABLED when there is no result backend. */
  results(): Promise<ResultBackend>
  /** Limits, revokes, pauses and unique keys. @throws {ConfigurationError} LVG_DRIVER_UNKNOWN where the broker keeps messages only and `coordinationUrl` is not set. */
  coordination(): Promise<CoordinationStore>
}

/**
 * The connections of an app.
 *
 * @example
 * import { connectionsOf } from 'lovage/driver'
 * const { capabilities } = await connectionsOf(app).broker()
 */
export const connectionsOf = (app: Lovage): AppConnections => coreOf(app)

/**
 * Answers `/scale/<queue>` and `/scale/<queue>,<queue>` as workers and the exporter do, for other servers: 200 with the load, 503 when it is
 * unknown, never 0.
 *
 * @example
 * import { answerScale } from 'lovage/driver'
 * const { status, body } = await answerScale(app, '/scale/mail', new URLSearchParams('slots=8'))
 */
export async function answerScale(app: Lovage, path: string, query: URLSearchParams): Promise<PageAnswer> {
  const { scalePage } = await import('../node/index.js')
  return scalePage(coreOf(app), path, query, coreOf(app).conf.workerConcurrency)
}

/** An app's place, for `loadApp`. */
export interface LoadAppOptions {
  /** `src/app.ts`, `module:export`. Default: CELERY_APP, else the field `lovage` of the nearest package.json. */
  readonly app?: string
  /** Settings that override the environment's; the app's own code overrides them. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Default: the current folder. */
  readonly folder?: string
}

/**
 * Loads the app of a project as the command line does, TypeScript without a build step: for commands of other packages. Undefined when
 * nothing names an app.
 *
 * @throws {ConfigurationError} LVG_APP_NOT_FOUND for a module that is absent, or has no app.
 * @example
 * import { loadApp } from 'lovage/driver'
 * const shop = await loadApp({ app: 'src/app.ts' })
 */
export async function loadApp(options: LoadAppOptions = {}): Promise<Lovage | undefined> {
  const { appSpec, loadSource } = await import('../loader/index.js')
  const { app, settings = {}, folder = process.cwd() } = options
  const spec = appSpec(app, process.env, folder)
  return (await loadSource({ ...(spec ? { spec } : {}), include: [], settings, folder }))?.app
}

import type { Broker } from '../../broker/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import {
  driverOf,
  embeddedUrl,
  keepsNoAgreements,
  openBroker,
  openCoordinationStore,
  openResultBackend,
  resultBackendProblem,
  resultStoreUrl,
} from '../../drivers/index.js'
import {
  type Clock,
  ConfigurationError,
  ConnectionError,
  type DriverOptions,
  type Logger,
  type LovageError,
  newId,
  ResultError,
} from '../../kernel/index.js'
import type { ResultBackend } from '../../result/index.js'
import type { Settings } from '../settings/index.js'

/** The app's side of a connection, in its current state. */
interface Opening {
  readonly main: string
  readonly settings: Settings
  readonly clock: Clock
  readonly logger: Logger
  readonly relaying: NonNullable<DriverOptions['relaying']>
}

/** An app's connections; each is opened once, on first use. A failure is not cached, so the next use tries again. */
export class Connections {
  readonly #opening: () => Opening
  readonly #env: NodeJS.ProcessEnv
  readonly #onBroker: () => void
  #broker: Promise<Broker> | undefined
  #results: Promise<ResultBackend> | undefined
  #coordination: Promise<CoordinationStore> | undefined
  #replyTo: string | null | undefined
  #closed = false

  /** @param onBroker is called when the app is about to connect to its broker. */
  constructor(opening: () => Opening, env: NodeJS.ProcessEnv, onBroker: () => void) {
    this.#opening = opening
    this.#env = env
    this.#onBroker = onBroker
  }

  /** The broker's URL; the embedded file when no setting names one. */
  get brokerUrl(): string {
    return this.#opening().settings.brokerUrl ?? embeddedUrl(this.#env, process.cwd())
  }
  /** The result backend's URL; beside the broker when no setting names one. */
  get resultUrl(): string {
    const { resultBackend } = this.#opening().settings
    if (resultBackend) return resultStoreUrl(resultBackend)
    return driverOf(this.brokerUrl)?.resultUrl ?? this.brokerUrl
  }
  /** Why requested results cannot be stored; undefined when they can, or need not be. */
  get resultProblem(): LovageError | undefined {
    const { resultBackend, taskIgnoreResult } = this.#opening().settings
    if (!resultBackend || taskIgnoreResult || resultBackend.startsWith('disabled')) return undefined
    return resultBackendProblem(this.resultUrl)
  }
  /** The reply address for results of calls sent by this process; undefined where results are stored. */
  get replyTo(): string | undefined {
    // Asked once for each call; settings do not change once the broker is in use.
    if (this.#replyTo === undefined || !this.hasBroker)
      this.#replyTo = driverOf(this.resultUrl)?.answersCallers ? (this.#replyTo ?? newId()) : null
    return this.#replyTo ?? undefined
  }
  /** Whether the broker is in use, so that it is too late to change settings. */
  get hasBroker(): boolean {
    return this.#broker !== undefined
  }

  broker(): Promise<Broker> {
    this.#broker ??= this.#opened(
      () => {
        this.#onBroker()
        return openBroker(this.brokerUrl, this.#driverOptions())
      },
      () => {
        this.#broker = undefined
      },
    )
    return this.#broker
  }

  /** @throws {ResultError} LVG_RESULT_DISABLED when there is no result backend. */
  results(): Promise<ResultBackend> {
    this.#results ??= this.#opened(
      async () => {
        const url = this.resultUrl
        if (url.startsWith('disabled'))
          throw new ResultError('No result backend is configured.', { code: 'LVG_RESULT_DISABLED' })
        return openResultBackend(url, this.#driverOptions())
      },
      () => {
        this.#results = undefined
      },
    )
    return this.#results
  }

  coordination(): Promise<CoordinationStore> {
    this.#coordination ??= this.#opened(
      async () => {
        const { coordinationUrl } = this.#opening().settings
        try {
          return await openCoordinationStore(coordinationUrl ?? this.brokerUrl, this.#driverOptions())
        } catch (cause) {
          if (coordinationUrl !== undefined || !keepsNoAgreements(cause)) throw cause
          throw new ConfigurationError(
            'The broker stores messages only; this also needs a coordination store.',
            {
              code: 'LVG_DRIVER_UNKNOWN',
              hint: 'Set coordinationUrl to a redis:// or postgresql:// URL, or to sqlite:// on a single machine.',
              cause,
            },
          )
        }
      },
      () => {
        this.#coordination = undefined
      },
    )
    return this.#coordination
  }

  /** Refuses to open anything from now on. */
  refuse(): void {
    this.#closed = true
  }

  /** Disconnects; a connection that failed to open needs no closing. */
  async close(): Promise<void> {
    const open = await Promise.allSettled([this.#results, this.#coordination, this.#broker])
    await Promise.all(open.map((one) => (one.status === 'fulfilled' ? one.value?.close() : undefined)))
  }

  /** @throws {ConnectionError} LVG_CONNECTION_CLOSED when the app is closed. */
  check(): void {
    if (this.#closed)
      throw new ConnectionError(`App ${this.#opening().main} is closed.`, { code: 'LVG_CONNECTION_CLOSED' })
  }

  #driverOptions(): DriverOptions {
    const { settings, clock, logger, relaying } = this.#opening()
    const { replyTo } = this
    return { settings, clock, logger, relaying, ...(replyTo === undefined ? {} : { replyTo }) }
  }

  async #opened<T>(open: () => Promise<T>, forget: () => void): Promise<T> {
    this.check()
    try {
      return await open()
    } catch (error) {
      forget()
      throw error
    }
  }
}

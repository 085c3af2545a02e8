import { isLovageError, type Lovage, type SeenWorker } from 'lovage'
import type { HistoryStore } from '../history/history-store.js'
import { Filling } from '../ingest/filling.js'
import { Intake, type IntakeOptions } from '../ingest/intake.js'
import type { WebhooksPort } from '../webhooks/webhooks-port.js'
import type { FleetOptions } from './fleet-options.js'
import type { Trouble } from './trouble.js'
import { type Question, WorkersAsked } from './workers-asked.js'

/** The options for watching fleets. */
export interface WatchOptions extends IntakeOptions {
  /** Milliseconds to wait for workers' replies. Default 1,000. */
  readonly inspectTimeoutMs?: number
  /** Periodically makes workers send task events, as Flower does. Default true. */
  readonly enableEvents?: boolean
}

const ENABLE_MS = 5_000
const PATIENCE_MS = 150

/** One fleet: its app, its history, and the state of its workers. */
export class Fleet {
  readonly name: string
  readonly app: Lovage
  readonly store: HistoryStore
  readonly webhooks: WebhooksPort | undefined
  readonly intake: Intake
  readonly asked: WorkersAsked
  readonly filling: Filling
  readonly #enableEvents: boolean
  #isOpen = false
  readonly #lost = new Map<
    'broker' | 'results' | 'history',
    { readonly sinceMs: number; readonly why: string }
  >()

  /** @param folder Where a file is created for events of a burst that wait to be read. */
  constructor(
    { name, app, webhooks }: FleetOptions,
    store: HistoryStore,
    folder: string,
    options: WatchOptions = {},
  ) {
    const { inspectTimeoutMs = 1000, enableEvents = true, ...intake } = options
    this.name = name
    this.app = app
    this.store = store
    this.webhooks = webhooks
    this.#enableEvents = enableEvents
    this.asked = new WorkersAsked(
      app,
      inspectTimeoutMs,
      () => this.workers().filter(({ isAlive }) => isAlive).length,
    )
    this.intake = new Intake(app, store, folder, intake, (gap) => this.filling.fill(gap))
    this.filling = new Filling(app, store, this.intake)
  }

  async start(): Promise<void> {
    this.#isOpen = true
    await this.intake.start()
    this.filling.start()
    if (this.#enableEvents) this.#enable()
  }

  async close(): Promise<void> {
    this.#isOpen = false
    this.filling.stop()
    await this.intake.stop()
    await this.store.close()
  }

  /** Workers by name; one that is gone without signing off is lost. */
  workers(): readonly SeenWorker[] {
    return this.intake.workers()
  }

  /** Asks workers, and waits for replies no longer than a page may take; later replies appear on the next page. */
  async askSoon(
    questions: readonly Question[],
    destination?: string,
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    const asked = this.tried('broker', () => this.asked.ask(questions, destination))
    // Nobody is there to answer.
    if (!this.workers().some(({ isAlive }) => isAlive)) return
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([asked, patience])
    clearTimeout(timer)
  }

  /** Runs work that needs a server; returns undefined, and records a trouble, when it is unreachable. */
  async tried<T>(server: 'broker' | 'results' | 'history', work: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await work()
      this.#lost.delete(server)
      return value
    } catch (error) {
      if (isLovageError(error) && error.code === 'LVG_CAPABILITY_MISSING') return undefined
      const why = error instanceof Error ? error.message : String(error)
      const sinceMs = this.#lost.get(server)?.sinceMs ?? this.app.clock.now()
      this.#lost.set(server, { sinceMs, why })
      return undefined
    }
  }

  /** The troubles that make pages incomplete. */
  troubles(): readonly Trouble[] {
    const troubles: Trouble[] = []
    const { intake } = this
    const { blocked, deafSinceMs } = intake
    const lag = intake.lag()
    for (const [server, { sinceMs, why }] of this.#lost)
      troubles.push({
        kind: `${server}-lost`,
        message:
          server === 'history'
            ? `The history cannot be read: ${why}`
            : `The ${server === 'broker' ? 'broker' : 'result backend'} does not answer: ${why}`,
        advice: 'Check that its server runs and can be reached; this page shows the last known state.',
        sinceMs,
      })
    if (blocked && !this.#lost.has('history'))
      troubles.push({
        kind: 'history-lost',
        message: `The history cannot be written: ${blocked.by instanceof Error ? blocked.by.message : blocked.by}`,
        advice: 'Check the disk or the database of the history; new events wait in memory.',
        sinceMs: blocked.sinceMs,
      })
    if (deafSinceMs !== undefined && !this.#lost.has('broker'))
      troubles.push({
        kind: 'not-listening',
        message: 'No events arrive: the broker is down, or does not deliver them.',
        advice:
          'Check that the broker runs; the history continues, and its gap is filled, when events arrive again.',
        sinceMs: deafSinceMs,
      })
    if (lag && !blocked)
      troubles.push({
        kind: 'behind',
        message: `Events come faster than they are written: this page is ${Math.round(lag.ms / 1000)} s behind.`,
        advice: `${Math.ceil(lag.bytes / 1e6)} MB of events wait on the disk, and none is lost. If it stays so, give the dashboard a processor of its own.`,
        sinceMs: null,
      })
    const alive = this.workers().filter(({ isAlive }) => isAlive)
    const silent = alive.filter(({ hostname }) => intake.tellsOfTasks(hostname) === false)
    if (silent.length > 0)
      troubles.push({
        kind: 'workers-silent',
        message: `${silent.length === 1 ? `The worker ${silent[0]?.hostname} does` : `${silent.length} workers do`} not send task events; their tasks are missing here.`,
        advice:
          'Enable events now, and start workers with -E, so that they send events from their first task on.',
        sinceMs: null,
        action: 'fleet.enable-events',
      })
    if (alive.length === 0 && deafSinceMs === undefined)
      troubles.push({
        kind: 'no-workers',
        message: 'No worker is alive: nothing runs.',
        advice: 'Start a worker: lovage -A src/app.ts worker, or celery -A proj worker.',
        sinceMs: null,
      })
    return troubles
  }

  /** Celery's workers send task events only on request, and new ones have not received it yet. */
  #enable(): void {
    if (!this.#isOpen) return
    const again = (): void => void this.app.clock.setTimer(() => this.#enable(), ENABLE_MS)
    void this.tried('broker', () => this.app.control.enableEvents({ timeout: 0 })).then(again)
  }
}

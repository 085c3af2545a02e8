import type { AppCore } from '../app/core/index.js'
import { watchEvents } from '../app/fleet/index.js'
import { Control } from '../app/operating/index.js'
import { Dogstatsd, type DogstatsdOptions, taskTags } from '../dogstatsd/index.js'
import { delay, messageOf, type Timer } from '../kernel/index.js'
import type { EventMetrics, EventMetricsOptions, QueueMetrics } from '../metrics/index.js'
import { withoutRepetition } from '../process/index.js'
import { jsonAnswer, type PageAnswer, PageServer } from './page-server.js'
import { isScalePath, scalePage } from './scale-page.js'

/** The options of an exporter. */
export interface ExporterOptions extends EventMetricsOptions {
  /** 0 = any free one. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Asks workers to send task events, including those that start later. Default true. */
  readonly enableEvents?: boolean
  /** Also sends the runtimes of all workers' tasks to a Datadog agent. */
  readonly dogstatsd?: DogstatsdOptions
}

/** How often workers are asked to send task events. */
const ENABLE_MS = 5000
/** The pause before subscribing to events again after a failure. */
const AGAIN_MS = 1000

/**
 * Serves the metrics of a whole fleet, in either language, from its events and its broker: `/metrics` with the names of celery-exporter
 * and of Flower, `/health`, which answers 503 when the broker is unreachable, and `/scale/<queue>`, a queue's load for autoscalers.
 */
export class Exporter {
  readonly #app: AppCore
  readonly #options: ExporterOptions
  readonly #metrics: EventMetrics
  readonly #queues: QueueMetrics
  readonly #statsd: Dogstatsd | undefined
  readonly #server: PageServer
  readonly #ending = new AbortController()
  readonly #queuesUnread: (error: unknown) => void
  readonly #eventsUnheard: (error: unknown) => void
  readonly #workersUnasked: (error: unknown) => void
  #listening: Promise<void> | undefined
  #refreshing: Promise<void> | undefined
  #enabling: Timer | undefined

  /** Starts an exporter; rejects when its port is in use. */
  static async start(app: AppCore, options: ExporterOptions): Promise<Exporter> {
    // Loaded only when needed.
    const { EventMetrics, measureQueues } = await import('../metrics/index.js')
    const metrics = new EventMetrics(options)
    const queues = measureQueues(app, metrics.registry, options.prefix)
    const statsd = options.dogstatsd && new Dogstatsd(options.dogstatsd, app.logger)
    const exporter = new Exporter(app, options, { metrics, queues, statsd })
    await exporter.#server.listen(options.port, options.host ?? '127.0.0.1')
    exporter.#listening = exporter.#listen()
    exporter.#enable()
    return exporter
  }

  private constructor(
    app: AppCore,
    options: ExporterOptions,
    parts: { metrics: EventMetrics; queues: QueueMetrics; statsd: Dogstatsd | undefined },
  ) {
    this.#app = app
    this.#options = options
    this.#metrics = parts.metrics
    this.#queues = parts.queues
    this.#statsd = parts.statsd
    // An unreachable broker fails every scrape, and also every few seconds.
    const complain = (what: string) =>
      withoutRepetition((error) => app.logger.warn({ err: error }, what), app.clock)
    this.#queuesUnread = complain('could not read the lengths of queues from the broker')
    this.#eventsUnheard = complain('cannot subscribe to events; retrying')
    this.#workersUnasked = complain('cannot ask workers to send task events')
    this.#server = new PageServer((path, query) => this.#answer(path, query), app.logger)
    const { statsd } = parts
    if (statsd)
      parts.metrics.onRun = ({ task, queue, seconds }) =>
        statsd.distribution('celery.task.runtime', seconds, [...taskTags(task), `queue_name:${queue}`])
  }

  /** The port on which it listens. */
  get port(): number | undefined {
    return this.#server.port
  }

  /** Stops listening and serving. */
  async stop(): Promise<void> {
    this.#ending.abort()
    this.#enabling?.cancel()
    await this.#server.close()
    await this.#listening
    await this.#refreshing
    await this.#statsd?.close()
  }

  async #listen(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        for await (const event of watchEvents(this.#app, { signal }))
          this.#metrics.add(event, this.#app.clock.now())
      } catch (error) {
        this.#eventsUnheard(error)
      }
      await delay(this.#app.clock, AGAIN_MS, signal).catch(() => {
        // Aborted: the loop's condition says so.
      })
    }
  }

  #enable(): void {
    if (this.#options.enableEvents === false) return
    const { clock } = this.#app
    new Control(this.#app)
      .enableEvents({ timeout: 0 })
      .catch(this.#workersUnasked)
      .finally(() => {
        if (!this.#ending.signal.aborted) this.#enabling = clock.setTimer(() => this.#enable(), ENABLE_MS)
      })
  }

  async #answer(path: string, query: URLSearchParams): Promise<PageAnswer> {
    if (isScalePath(path)) return scalePage(this.#app, path, query, this.#app.conf.workerConcurrency)
    if (path === '/metrics') {
      // Concurrent scrapes share one refresh.
      this.#refreshing ??= this.#refresh().finally(() => {
        this.#refreshing = undefined
      })
      await this.#refreshing
      const { registry } = this.#metrics
      return { status: 200, type: registry.contentType, body: await registry.metrics() }
    }
    if (path === '/health' || path === '/health/live') {
      if (path === '/health/live') return jsonAnswer(200, { status: 'alive' })
      try {
        await (await this.#app.broker()).depths([this.#app.conf.taskDefaultQueue])
        return jsonAnswer(200, { status: 'healthy' })
      } catch (error) {
        return jsonAnswer(503, { status: 'unknown', reasons: [messageOf(error)] })
      }
    }
    return jsonAnswer(404, { error: 'Available paths: /metrics, /health, /health/live and /scale/<queue>.' })
  }

  async #refresh(): Promise<void> {
    try {
      this.#metrics.queuesOfWorker = await this.#queues.refresh()
    } catch (error) {
      this.#queuesUnread(error)
    }
    this.#metrics.refresh(this.#app.clock.now())
  }
}

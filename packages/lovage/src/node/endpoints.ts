import { setTimeout as sleep } from 'node:timers/promises'
import type { AppCore } from '../app/core/index.js'
import { getQueueHealth } from '../health/index.js'
import { messageOf } from '../kernel/index.js'
import type { WorkerMetrics } from '../metrics/index.js'
import type { BootStep, RunningWorker } from '../worker/index.js'
import { jsonAnswer, type PageAnswer, PageServer } from './page-server.js'
import { isScalePath, scalePage } from './scale-page.js'

/** The address of a worker's endpoints. */
export interface EndpointOptions {
  /** 0 = any free one. */
  readonly port: number
  /** Default 127.0.0.1: not reachable from other machines unless set. */
  readonly host?: string
}

/** A broker that has not answered within this time is not ready. */
const PATIENCE_MS = 2000

/**
 * A worker's endpoints for monitors: `/metrics`, `/health/live` (this process's event loop turns; no broker is asked), `/health/ready`
 * (it consumes, and its broker answers), `/health` (the queues of this worker, 503 when critical or unknown), `/scale/<queue>` (a queue's
 * load, for autoscalers) and `/busy` (this worker's). A port in use is logged as an error and does not stop the worker, which
 * tries again until it is free.
 */
export class Endpoints implements BootStep {
  readonly name = 'endpoints'
  readonly #app: AppCore
  readonly #options: EndpointOptions
  #server: PageServer | undefined
  #metrics: WorkerMetrics | undefined
  #isStopping = false

  constructor(app: AppCore, options: EndpointOptions) {
    this.#app = app
    this.#options = options
  }

  /** The port on which it listens. */
  get port(): number | undefined {
    return this.#server?.port
  }

  async start(worker: RunningWorker): Promise<void> {
    const { logger } = this.#app
    const { port, host = '127.0.0.1' } = this.#options
    // Loaded only when needed.
    const { measureWorker } = await import('../metrics/index.js')
    this.#metrics = measureWorker(this.#app, worker)
    this.#server = new PageServer((path, query) => this.#answer(path, query, worker), logger)
    try {
      await this.#server.listen(port, host)
      logger.info({ port: this.port, host }, `metrics and health at http://${host}:${this.port}/metrics`)
    } catch (error) {
      logger.error(
        { err: error, port, host },
        `cannot serve metrics and health at ${host}:${port}: ${messageOf(error)}; trying again`,
      )
      this.#server.listenLater(port, host)
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#metrics?.stop()
    await this.#server?.close()
  }

  async #answer(path: string, query: URLSearchParams, worker: RunningWorker): Promise<PageAnswer> {
    const slots = worker.autoscaler?.bounds.max ?? worker.pool.slots
    if (isScalePath(path)) return scalePage(this.#app, path, query, slots)
    switch (path) {
      case '/metrics':
        return {
          status: 200,
          type: this.#metrics?.contentType ?? 'text/plain',
          body: (await this.#metrics?.text()) ?? '',
        }
      case '/health/live':
        return jsonAnswer(200, { status: 'alive', hostname: worker.hostname })
      case '/health/ready': {
        const problem = await this.#problem(worker)
        return jsonAnswer(problem === undefined ? 200 : 503, {
          status: problem === undefined ? 'ready' : 'not ready',
          ...(problem === undefined ? {} : { reason: problem }),
        })
      }
      case '/health': {
        const health = await getQueueHealth(this.#app, { queues: worker.queues })
        const isBad = health.status === 'critical' || health.status === 'unknown'
        return jsonAnswer(isBad ? 503 : 200, health)
      }
      case '/busy':
        // What Kubernetes is told as the cost of deleting this pod: idle ones go first.
        return jsonAnswer(200, {
          hostname: worker.hostname,
          slots: worker.pool.slots,
          running: worker.active.length,
          waiting: worker.reserved.length,
        })
      default:
        return jsonAnswer(404, {
          error: 'Available paths: /metrics, /health, /health/live, /health/ready, /busy and /scale/<queue>.',
        })
    }
  }

  async #problem(worker: RunningWorker): Promise<string | undefined> {
    if (this.#isStopping) return 'the worker is stopping'
    const patience = new AbortController()
    const asked = this.#app
      .broker()
      .then((broker) => broker.depths(worker.queues))
      .then(
        () => undefined,
        (error: unknown) => `the broker does not answer: ${messageOf(error)}`,
      )
    try {
      return await Promise.race([
        asked,
        sleep(PATIENCE_MS, `the broker has not answered within ${PATIENCE_MS} ms`, {
          signal: patience.signal,
        }),
      ])
    } finally {
      patience.abort()
    }
  }
}

import { createServer, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lovage } from '../app/index.js'
import { getQueueHealth } from '../health/index.js'
import { messageOf } from '../kernel/index.js'
import type { WorkerMetrics } from '../metrics/index.js'
import type { BootStep, RunningWorker } from '../worker/index.js'

/** Where a worker's endpoints listen. */
export interface EndpointOptions {
  /** 0 = any free one. */
  readonly port: number
  /** Default 127.0.0.1: nobody else reads them unless told so. */
  readonly host?: string
}

/** A broker that has not answered within this time is not ready. */
const PATIENCE_MS = 2000

/**
 * A worker's endpoints for monitors: `/metrics`, `/health/live` (this process turns its event loop; no broker is asked),
 * `/health/ready` (it consumes, and its broker answers), and `/health` (the queues of this worker, 503 when critical or unknown).
 * A port that is taken is an error in the log, not the end of the worker.
 */
export class Endpoints implements BootStep {
  readonly name = 'endpoints'
  readonly #app: Lovage
  readonly #options: EndpointOptions
  #server: Server | undefined
  #metrics: WorkerMetrics | undefined
  #isStopping = false

  constructor(app: Lovage, options: EndpointOptions) {
    this.#app = app
    this.#options = options
  }

  /** The port that it listens on. */
  get port(): number | undefined {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  async start(worker: RunningWorker): Promise<void> {
    const { logger } = this.#app
    const { port, host = '127.0.0.1' } = this.#options
    // Loaded only where it is asked for.
    const { measureWorker } = await import('../metrics/index.js')
    this.#metrics = measureWorker(this.#app, worker)
    const server = createServer((request, response) => {
      this.#answer(request.url ?? '/', worker, response).catch((error: unknown) => {
        logger.error({ err: error, url: request.url }, 'an endpoint failed')
        if (!response.headersSent) json(response, 500, { error: messageOf(error) })
      })
    })
    server.headersTimeout = 10_000
    this.#server = server
    await new Promise<void>((resolve) => {
      server.once('error', (error) => {
        logger.error(
          { err: error, port, host },
          `no metrics and no health at ${host}:${port}: ${error.message}`,
        )
        resolve()
      })
      server.listen(port, host, () => {
        logger.info({ port: this.port, host }, `metrics and health at http://${host}:${this.port}/metrics`)
        resolve()
      })
    })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#metrics?.stop()
    const server = this.#server
    if (!server?.listening) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  async #answer(url: string, worker: RunningWorker, response: ServerResponse): Promise<void> {
    const path = url.split('?', 1)[0]?.replace(/\/+$/, '')
    switch (path) {
      case '/metrics': {
        const text = (await this.#metrics?.text()) ?? ''
        response.writeHead(200, { 'content-type': this.#metrics?.contentType ?? 'text/plain' }).end(text)
        return
      }
      case '/health/live':
        return json(response, 200, { status: 'alive', hostname: worker.hostname })
      case '/health/ready': {
        const problem = await this.#problem(worker)
        return json(response, problem === undefined ? 200 : 503, {
          status: problem === undefined ? 'ready' : 'not ready',
          ...(problem === undefined ? {} : { reason: problem }),
        })
      }
      case '/health': {
        const health = await getQueueHealth(this.#app, { queues: worker.queues })
        const isBad = health.status === 'critical' || health.status === 'unknown'
        return json(response, isBad ? 503 : 200, health)
      }
      default:
        return json(response, 404, { error: 'There are /metrics, /health, /health/live and /health/ready.' })
    }
  }

  async #problem(worker: RunningWorker): Promise<string | undefined> {
    if (this.#isStopping) return 'the worker stops'
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

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}

import { createServer, type IncomingMessage, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, messageOf } from '../kernel/index.js'

/** The most connections; further ones are closed. Monitors need only a few, and the rest of the process needs its descriptors. */
const MOST_CONNECTIONS = 64
const MOST_HEADER_BYTES = 8 * 1024
/** The timeout for request headers, and for idle connections. */
const HEAD_MS = 5000
const IDLE_MS = 30_000
/** The timeout for building a page. */
const ANSWER_MS = 20_000
/** The pauses before it tries to listen again. */
const SHORTEST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

/** The response of a page. */
export interface PageAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Builds the response for a path and its query. */
type Answering = (path: string, query: URLSearchParams) => Promise<PageAnswer>

/**
 * A small HTTP server for monitors: it reads only the path and query of a request. Connections, headers and time are bounded, and
 * concurrent requests for a page share one response. If its socket is lost, it listens again.
 */
export class PageServer {
  readonly #server: Server
  readonly #logger: Logger
  #address: { readonly port: number; readonly host: string } | undefined
  #again: NodeJS.Timeout | undefined
  #pauseMs = SHORTEST_PAUSE_MS
  #isClosed = false
  readonly #underWay = new Map<string, Promise<PageAnswer>>()

  /** @param answer Builds the response for a path without trailing slash, and its query. */
  constructor(answer: Answering, logger: Logger) {
    this.#logger = logger
    const settings = {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: HEAD_MS,
      requestTimeout: HEAD_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: HEAD_MS,
    }
    this.#server = createServer(settings, (request, response) => {
      this.#answer(request, answer)
        .catch((error: unknown) => {
          logger.error({ err: error, url: request.url }, 'an endpoint failed')
          return jsonAnswer(500, { error: messageOf(error) })
        })
        .then(({ status, type, body }) => {
          response
            .writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
            .end(request.method === 'HEAD' ? undefined : body)
        })
        .catch((error: unknown) => logger.error({ err: error }, 'an answer could not be written'))
    })
    this.#server.maxConnections = MOST_CONNECTIONS
    this.#server.setTimeout(IDLE_MS, (socket) => socket.destroy())
  }

  async #answer({ method, url = '/' }: IncomingMessage, answer: Answering): Promise<PageAnswer> {
    if (method !== 'GET' && method !== 'HEAD') return jsonAnswer(405, { error: 'Only GET is supported.' })
    const [before = '', ...query] = url.split('?')
    const path = withoutSlashes(before)
    const key = [path, ...query].join('?')
    let page = this.#underWay.get(key)
    if (!page) {
      page = answer(path, new URLSearchParams(query.join('?'))).finally(() => this.#underWay.delete(key))
      this.#underWay.set(key, page)
    }
    const patience = new AbortController()
    const late = sleep(ANSWER_MS, jsonAnswer(503, { error: `not ready within ${ANSWER_MS} ms` }), {
      signal: patience.signal,
    })
    // Cancelled when not needed.
    late.catch(() => {})
    return Promise.race([page, late]).finally(() => patience.abort())
  }

  /** The port on which it listens. */
  get port(): number | undefined {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  /** Starts listening; rejects when the port is in use. */
  async listen(port: number, host: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#address = { port: this.port ?? port, host }
    this.#pauseMs = SHORTEST_PAUSE_MS
    const lost = (error?: Error): void => {
      this.#server.off('error', lost).off('close', lost)
      if (this.#isClosed) return
      this.#logger.error(
        { ...this.#address, ...(error ? { err: error } : {}) },
        `the socket for metrics and health is lost${error ? `: ${messageOf(error)}` : ''}; listening again`,
      )
      if (this.#server.listening) this.#server.close()
      this.#listenAgain()
    }
    this.#server.on('error', lost).on('close', lost)
  }

  /** Listens there as soon as that is possible. */
  listenLater(port: number, host: string): void {
    this.#address = { port, host }
    this.#listenAgain()
  }

  #listenAgain(): void {
    const address = this.#address
    if (this.#isClosed || !address) return
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    this.#again = setTimeout(() => {
      this.listen(address.port, address.host).then(
        () =>
          this.#logger.info(address, `metrics and health at http://${address.host}:${address.port}/metrics`),
        (error: unknown) => {
          this.#logger.debug({ err: error, ...address }, 'still cannot serve metrics and health')
          this.#listenAgain()
        },
      )
    }, pauseMs).unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#again)
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Runs in linear time for any path. */
function withoutSlashes(path: string): string {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** A JSON response. */
export const jsonAnswer = (status: number, body: object): PageAnswer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
})

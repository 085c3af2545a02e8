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
 * concurrent requests for a page share one response.
 */
export class PageServer {
  readonly #server: Server
  readonly #underWay = new Map<string, Promise<PageAnswer>>()

  /** @param answer Builds the response for a path without trailing slash, and its query. */
  constructor(answer: Answering, logger: Logger) {
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
      this.#server.listen(port, host, resolve)
    })
  }

  async close(): Promise<void> {
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

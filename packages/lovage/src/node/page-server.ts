import { createServer, type IncomingMessage, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, messageOf } from '../kernel/index.js'

/** Connections at once; what comes beyond is closed. Monitors need a few, and the rest of the process needs its descriptors. */
const MOST_CONNECTIONS = 64
const MOST_HEADER_BYTES = 8 * 1024
/** For the head of a request, and for a connection on which nothing moves. */
const HEAD_MS = 5000
const IDLE_MS = 30_000
/** A page that is not ready by then is not awaited. */
const ANSWER_MS = 20_000

/** What a page answers. */
export interface PageAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * A small HTTP server for monitors: it reads paths, and nothing else of a request. Connections, headers and time are bounded, and a page that
 * is asked for by many at once is made once.
 */
export class PageServer {
  readonly #server: Server
  readonly #underWay = new Map<string, Promise<PageAnswer>>()

  /** @param answer What a path, without its query and the slash at its end, answers. */
  constructor(answer: (path: string) => Promise<PageAnswer>, logger: Logger) {
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

  async #answer(
    { method, url = '/' }: IncomingMessage,
    answer: (path: string) => Promise<PageAnswer>,
  ): Promise<PageAnswer> {
    if (method !== 'GET' && method !== 'HEAD') return jsonAnswer(405, { error: 'Pages are read with GET.' })
    const path = withoutSlashes(url.split('?', 1)[0] ?? '')
    let page = this.#underWay.get(path)
    if (!page) {
      page = answer(path).finally(() => this.#underWay.delete(path))
      this.#underWay.set(path, page)
    }
    const patience = new AbortController()
    const late = sleep(ANSWER_MS, jsonAnswer(503, { error: `not ready within ${ANSWER_MS} ms` }), {
      signal: patience.signal,
    })
    // Cancelled when it is not needed.
    late.catch(() => {})
    return Promise.race([page, late]).finally(() => patience.abort())
  }

  /** The port that it listens on. */
  get port(): number | undefined {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  /** Rejects when the port is taken. */
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

/** In time that grows with the path alone, whatever it is made of. */
function withoutSlashes(path: string): string {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** An object as an answer. */
export const jsonAnswer = (status: number, body: object): PageAnswer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
})

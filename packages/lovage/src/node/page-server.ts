import { createServer, type Server } from 'node:http'
import { type Logger, messageOf } from '../kernel/index.js'

/** What a page answers. */
export interface PageAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** A small HTTP server for monitors: it reads paths, and nothing else of a request. */
export class PageServer {
  readonly #server: Server

  /** @param answer What a path, without its query and the slash at its end, answers. */
  constructor(answer: (path: string) => Promise<PageAnswer>, logger: Logger) {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?', 1)[0]?.replace(/\/+$/, '') ?? ''
      answer(path)
        .catch((error: unknown) => {
          logger.error({ err: error, url: request.url }, 'an endpoint failed')
          return jsonAnswer(500, { error: messageOf(error) })
        })
        .then(({ status, type, body }) => {
          response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
        })
        .catch((error: unknown) => logger.error({ err: error }, 'an answer could not be written'))
    })
    this.#server.headersTimeout = 10_000
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

/** An object as an answer. */
export const jsonAnswer = (status: number, body: object): PageAnswer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
})

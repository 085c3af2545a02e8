import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request that a receiver has seen. */
export interface SeenRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly atMs: number
}

/** A receiver of webhooks on loopback: keeps what it sees and answers as it is told. */
export class Receiver {
  readonly seen: SeenRequest[] = []
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    // It listens on TCP.
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(
    answer: (request: SeenRequest, response: ServerResponse) => void = noContent,
  ): Promise<Receiver> {
    const sockets = new Set<Socket>()
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const seen = {
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
        atMs: Date.now(),
      }
      answer(seen, response)
      receiver.#add(seen)
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const receiver = new Receiver(server, sockets)
    return receiver
  }

  /** Resolves when it has seen so many requests. */
  has(count: number): Promise<void> {
    if (this.seen.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #add(seen: SeenRequest): void {
    this.seen.push(seen)
    for (const { count, resolve } of this.#waiting) if (this.seen.length >= count) resolve()
    this.#waiting = this.#waiting.filter(({ count }) => this.seen.length < count)
  }
}

const noContent = (_request: SeenRequest, response: ServerResponse): void =>
  void response.writeHead(204).end()

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** How the receiver behaves just now. */
export type Mood = 'healthy' | 'failing' | 'stalling'

/** What the receiver has seen. */
export interface Seen {
  requests: number
  failed: number
  stalled: number
  forged: number
  /** When each webhook was first delivered, by its id. */
  readonly delivered: Map<string, number>
  duplicates: number
}

/** A webhook receiver on loopback that checks every signature and has bad moods. */
export class Receiver {
  mood: Mood = 'healthy'
  readonly seen: Seen = { requests: 0, failed: 0, stalled: 0, forged: 0, delivered: new Map(), duplicates: 0 }
  readonly #webhooks = new Map<string, Webhook>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      )
    })
  }

  /** Listens on a free port and tells the address. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    // A listening TCP server has an address object.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Expects webhooks at a path, signed with a secret; on `/gone` it answers that it has left. */
  expect(path: string, secret: string): void {
    this.#webhooks.set(path, new Webhook(secret))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage): Promise<number> {
    const { seen } = this
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.url === '/gone') return 410
    seen.requests++
    const { mood } = this
    if (mood === 'failing') {
      seen.failed++
      return 503
    }
    if (mood === 'stalling') {
      seen.stalled++
      await new Promise((resolve) => setTimeout(resolve, 2000).unref())
      return 504
    }
    try {
      // The three headers that it looks at are single ones.
      this.#webhooks
        .get(request.url ?? '')
        ?.verify(Buffer.concat(chunks).toString(), request.headers as Record<string, string>)
    } catch {
      seen.forged++
      return 401
    }
    const id = String(request.headers['webhook-id'])
    if (seen.delivered.has(id)) seen.duplicates++
    else seen.delivered.set(id, performance.now())
    return 204
  }
}

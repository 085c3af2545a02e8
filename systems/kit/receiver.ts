import { Webhook } from 'standardwebhooks'
import { bodyOf, type Loopback, listen } from './loopback.js'

/** A receiver of webhooks that checks every signature. */
export interface Receiver extends Loopback {
  /** `whsec_…` of its endpoint. */
  secret: string
  /** Bodies by id, as text. */
  readonly received: Map<string, string>
  /** When each came. */
  readonly atMs: Map<string, number>
  repeated: number
  forged: number
  isDown: boolean
}

/** Starts a receiver on loopback. */
export async function startReceiver(): Promise<Receiver> {
  const state = {
    secret: '',
    received: new Map<string, string>(),
    atMs: new Map<string, number>(),
    repeated: 0,
    forged: 0,
    isDown: false,
  }
  const server = await listen(async (request, response) => {
    const body = await bodyOf(request)
    if (state.isDown) return void response.writeHead(503).end()
    try {
      // The three headers that it looks at are single ones.
      new Webhook(state.secret).verify(body, request.headers as Record<string, string>)
    } catch {
      state.forged++
      return void response.writeHead(401).end()
    }
    const id = String(request.headers['webhook-id'])
    if (state.received.has(id)) state.repeated++
    state.received.set(id, body)
    state.atMs.set(id, performance.now())
    response.writeHead(204).end()
  })
  return Object.assign(state, { url: server.url, close: server.close })
}

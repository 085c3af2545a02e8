import { type Loopback, listen } from 'lovage-systems-kit'

/** A stand-in for a register of companies. */
export interface Register extends Loopback {
  /** Whether it answers 503. */
  isDown: boolean
  requests: number
}

/** Starts a register on loopback: companies whose number ends in 9 are dissolved, those that begin with X unknown. */
export async function startRegister(): Promise<Register> {
  const state = { isDown: false, requests: 0 }
  const server = await listen((request, response) => {
    state.requests++
    const id = decodeURIComponent((request.url ?? '').split('/').pop() ?? '')
    const status = state.isDown ? 503 : id.startsWith('X') ? 404 : 200
    const body =
      status === 200 ? { id, status: id.endsWith('9') ? 'dissolved' : 'active' } : { error: status }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  return Object.assign(state, { url: server.url, close: server.close })
}

import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'

/** A server on a free port of 127.0.0.1. */
export interface Loopback {
  readonly url: string
  /** Takes no more requests; those under way have so many ms to end, by default none. */
  close(graceMs?: number): Promise<void>
}

/** Serves a listener of Node's on loopback. */
export async function listen(listener: RequestListener, port = 0): Promise<Loopback> {
  const server = createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  // A listening TCP server has an address object.
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${taken}`,
    close: async (graceMs = 0) => {
      const closed = new Promise((resolve) => server.close(resolve))
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}

/** Serves a web application (Hono's, or any function of a Request) on loopback. */
export const serveApp = (
  app: { fetch(request: Request): Response | Promise<Response> },
  port = 0,
): Promise<Loopback> =>
  listen(
    getRequestListener((request) => app.fetch(request)),
    port,
  )

/** The body of a request, as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

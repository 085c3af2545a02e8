import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { WebhookError } from '../domain/index.js'

/** Where a service listens. */
export interface ListenOptions {
  /** 0 = any free one. */
  readonly port: number
  /** Default `127.0.0.1`. */
  readonly host?: string
}

/** A listening service. */
export interface ListeningService {
  /** `http://127.0.0.1:8071`. */
  readonly url: string
  readonly port: number
  /** Takes no new requests, finishes those under way, and stops. */
  close(): Promise<void>
}

/** Slow senders of headers and bodies are cut off; at shutdown, open requests have this long to finish. */
const HEADERS_MS = 15_000
const REQUEST_MS = 60_000
const DRAIN_MS = 10_000

/**
 * Serves an app of hono's. @throws {WebhookError} LVG_WEBHOOK_SETUP when it cannot listen there.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { serveWebhooks, serviceApp } from '@lovage/webhooks/service'
 * const service = await serveWebhooks(serviceApp(webhooks(app)), { port: 8071 })
 * console.log(service.url)
 */
export async function serveWebhooks(
  app: { fetch(request: Request): Response | Promise<Response> },
  { port, host = '127.0.0.1' }: ListenOptions,
): Promise<ListeningService> {
  const listener = getRequestListener((request) => app.fetch(request), { overrideGlobalObjects: false })
  const server = createServer({ headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS }, listener)
  await listen(server, port, host)
  // It listens on TCP.
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      await closed
      clearTimeout(late)
    },
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'another program listens there' : cause.message
      reject(
        new WebhookError(`The service cannot listen on ${host}, port ${port}: ${why}.`, {
          code: 'LVG_WEBHOOK_SETUP',
          field: 'port',
          hint: 'Choose another --port or --host.',
          cause,
        }),
      )
    })
    server.listen(port, host, resolve)
  })
}

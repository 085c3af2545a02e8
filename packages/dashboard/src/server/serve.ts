import { existsSync, readFileSync, unlinkSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { ConfigurationError } from 'lovage'
import type { DashboardApp } from '../opening/dashboard.js'

/** The listening options of the dashboard. */
export interface ServeOptions {
  readonly port: number
  /** Empty: on all addresses. */
  readonly address: string
  /** A path instead of a port. */
  readonly unixSocket: string
  /** Files in PEM; both make it HTTPS. */
  readonly certfile: string
  readonly keyfile: string
  /** Only clients with a certificate from this CA are accepted. */
  readonly caCerts: string
}

/** A listening server. */
export interface Listening {
  /** `http://127.0.0.1:5555`, or the path of a socket. */
  readonly url: string
  readonly port: number | undefined
  /** Closes open connections, and stops listening. */
  close(): Promise<void>
}

/** Serves the dashboard. @throws {ConfigurationError} LVG_CONFIG_INVALID when it cannot listen there, or a file is unreadable. */
export async function serve(app: DashboardApp, options: ServeOptions): Promise<Listening> {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const isSecure = options.certfile !== '' || options.keyfile !== ''
  const server: Server = isSecure ? secureServer(options, listener) : createHttpServer(listener)
  await listen(server, options)
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url:
      port === undefined
        ? options.unixSocket
        : `http${isSecure ? 's' : ''}://${options.address || '127.0.0.1'}:${port}`,
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, { port, address, unixSocket }: ServeOptions): Promise<void> {
  if (unixSocket !== '') await removeStale(unixSocket)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = unixSocket || `${address || 'all addresses'}, port ${port}`
      const why = cause.code === 'EADDRINUSE' ? 'another program listens there' : cause.message
      reject(
        new ConfigurationError(`The dashboard cannot listen on ${where}: ${why}.`, {
          code: 'LVG_CONFIG_INVALID',
          hint: 'Choose another --port, --address or --unix-socket.',
          cause,
        }),
      )
    })
    if (unixSocket !== '') server.listen(unixSocket, resolve)
    else server.listen(port, address || undefined, resolve)
  })
}

/** Removes the stale socket of a killed process; a socket with a listener is not removed. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  if (!isAlive) unlinkSync(path)
}

function secureServer(options: ServeOptions, listener: RequestListener): Server {
  const { certfile, keyfile } = options
  if (certfile === '' || keyfile === '')
    throw new ConfigurationError(
      `--${certfile === '' ? 'certfile' : 'keyfile'} is missing: HTTPS needs both files.`,
      {
        code: 'LVG_CONFIG_INVALID',
      },
    )
  const files = filesOf(options)
  try {
    return createHttpsServer(files, listener)
  } catch (cause) {
    throw new ConfigurationError(
      `${certfile} and ${keyfile} are no certificate and its key: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        code: 'LVG_CONFIG_INVALID',
        hint: 'Both are PEM files; the key must be the certificate’s own.',
        cause,
      },
    )
  }
}

function filesOf({ certfile, keyfile, caCerts }: ServeOptions) {
  const read = (option: string, path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch (cause) {
      throw new ConfigurationError(`The file ${path} (--${option}) cannot be read.`, {
        code: 'LVG_CONFIG_INVALID',
        cause,
      })
    }
  }
  return {
    cert: read('certfile', certfile),
    key: read('keyfile', keyfile),
    ...(caCerts === '' ? {} : { ca: read('ca-certs', caCerts), requestCert: true, rejectUnauthorized: true }),
  }
}

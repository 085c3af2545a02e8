import { connect as connectTcp, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, type RedisOptions as ClientOptions } from 'ioredis'
import type { ServerFinder } from './server-finder.js'
import { type RedisTls, tlsOptions } from './tls.js'

const DISCONNECT_MS = 2_000

type Tell = Parameters<AbstractConnector['connect']>[0]

/**
 * Connects to the server that is the right one at the time of each attempt.
 *
 * The client library has connectors for this. They end a connection for good when no server is found, or bring a second client with its
 * own order of commands; here such an attempt fails like one to an unavailable server, and the next one
 * follows after a pause.
 */
export function findingConnector(
  finder: ServerFinder,
  tls: RedisTls | undefined,
): NonNullable<ClientOptions['Connector']> {
  return class extends AbstractConnector {
    #tell: Tell = () => {}

    constructor() {
      super(DISCONNECT_MS)
    }

    override async connect(tell: Tell): Promise<Socket> {
      this.connecting = true
      this.#tell = tell
      const onError = (error: Error): void => {
        this.firstError = error
      }
      let socket: Socket
      try {
        const { host, port } = await finder.find()
        socket = tls ? connectTls({ host, port, ...tlsOptions(tls, host) }) : connectTcp({ host, port })
        socket.once('error', onError)
      } catch (error) {
        // A finder throws ConnectionErrors.
        onError(error as Error)
        socket = new Socket().destroy()
      }
      this.stream = socket
      return socket
    }

    override disconnect(): void {
      this.connecting = false
      finder.cancel()
      // A destroyed stream emits no further close event.
      if (this.stream && !this.stream.destroyed) super.disconnect()
    }

    override check({ role }: { readonly role?: string }): boolean {
      const problem = role === undefined ? undefined : finder.check(role)
      if (problem) this.#tell('error', problem)
      return problem === undefined
    }
  }
}

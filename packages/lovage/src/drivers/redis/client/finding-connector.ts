import { connect as connectTcp, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, type RedisOptions as ClientOptions } from 'ioredis'
import type { ServerFinder } from './server-finder.js'
import { type RedisTls, tlsOptions } from './tls.js'

const DISCONNECT_MS = 2_000

type Tell = Parameters<AbstractConnector['connect']>[0]

/**
 * Leads a connection to the server that is the right one at the time of each attempt.
 *
 * The client library has connectors for this. They end a connection for good when nobody leads on, or bring a second client with an
 * order of commands of its own; here such an attempt is one that failed, like that of a server that is away, and the next one
 * comes after a pause.
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
      // What is destroyed already never says so again.
      if (this.stream && !this.stream.destroyed) super.disconnect()
    }

    override check({ role }: { readonly role?: string }): boolean {
      const problem = role === undefined ? undefined : finder.check(role)
      if (problem) this.#tell('error', problem)
      return problem === undefined
    }
  }
}

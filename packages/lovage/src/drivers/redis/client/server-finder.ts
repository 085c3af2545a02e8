import type { ConnectionError } from '../../../kernel/index.js'

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Finds the server that a connection shall lead to, anew for each attempt. */
export interface ServerFinder {
  /** Rejects with a ConnectionError when nobody knows one. */
  find(): Promise<ServerAddress>
  /** Ends a search; the next `find` begins another one. */
  cancel(): void
  /** A server that was found says itself which role it has: what is wrong with it, if anything. */
  check(role: string): ConnectionError | undefined
}

import type { ConnectionError } from '../../../kernel/index.js'

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Finds the server to connect to, again for each attempt. */
export interface ServerFinder {
  /** Rejects with a ConnectionError when no server is known. */
  find(): Promise<ServerAddress>
  /** Ends a search; the next `find` starts another one. */
  cancel(): void
  /** Checks the role that a found server itself reports: returns the problem, if there is one. */
  check(role: string): ConnectionError | undefined
}

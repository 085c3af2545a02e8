import type { ResultBackend } from '../../result/index.js'
import type { Broker } from '../broker.js'

/** The suite's view of a driver. */
export interface BrokerUnderTest {
  readonly name: string
  /** Starts a private server, once for all tests; each test uses its own queues. */
  readonly start: () => Promise<BrokerServer>
  /** Tests that the driver cannot pass, by their exact titles. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
  /** The priority levels that the driver distinguishes among public priorities (0–9): equal numbers are one level. Default: all ten. */
  readonly priorityLevel?: (priority: number) => number
  /** The priority of a message without one: 9, as on Redis (default), or 0. */
  readonly absentPriority?: 9 | 0
}

/** A running server. Optional members enable the tests that need them. */
export interface BrokerServer {
  /** Opens a separate broker on this server, as another process would; the suite closes it. */
  open(): Promise<Broker>
  /** Stops the server and starts it again on the same data; every broker was closed before. */
  restart?(): Promise<void>
  /** Stops the server for long enough that every consumer notices, and starts it again. */
  interrupt?(): Promise<void>
  /** Puts bytes into a queue as a broken producer would. */
  publishRaw?(queue: string, raw: string | Buffer): Promise<void>
  /** Expires a holder's lease, as if it had been silent for long enough. The holder does not notice. */
  expireLease?(holder: string): Promise<void>
  /** A result backend on the same server, whose records settle with the ack. */
  openResults?(): Promise<ResultBackend>
  /** The number of round trips (commands, transactions) made by `settle` so far, on all brokers. */
  settleTrips?(): number
  stop(): Promise<void>
}

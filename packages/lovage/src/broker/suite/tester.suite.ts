import { afterAll, beforeAll, test } from 'vitest'
import type { ResultBackend } from '../../result/index.js'
import type { Broker, BrokerCapabilities } from '../broker.js'
import { World } from './world.suite.js'

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

/** A test's needs beyond the basics. */
export interface Needs {
  readonly capabilities?: readonly (keyof BrokerCapabilities)[]
  readonly server?: readonly (keyof BrokerServer)[]
}

/** Registers the suite's tests for one driver. */
export interface SuiteTester {
  readonly driver: BrokerUnderTest
  test(title: string, body: (world: World) => Promise<void>, needs?: Needs): void
  /** Fails for a title in `skip` that no test has. */
  end(): void
}

export function suiteTester(driver: BrokerUnderTest): SuiteTester {
  const skipped = new Map(
    (driver.skip ?? []).flatMap(({ reason, tests }) => tests.map((title) => [title, reason])),
  )
  let server: BrokerServer
  beforeAll(async () => {
    server = await driver.start()
  })
  afterAll(async () => {
    // A server that failed to start has nothing to stop.
    await server?.stop()
  })
  return {
    driver,
    test(title, body, needs = {}) {
      const reason = skipped.get(title)
      skipped.delete(title)
      test(title, async (context) => {
        if (reason !== undefined) return context.skip(reason)
        const missing = needs.server?.find((means) => server[means] === undefined)
        if (missing !== undefined) return context.skip(`the driver's test server has no ${missing}`)
        await using world = await World.create(server, driver)
        const denied = needs.capabilities?.find((name) => !world.broker.capabilities[name])
        if (denied !== undefined) return context.skip(`the driver has no ${denied}`)
        await body(world)
        world.expectNoErrors()
      })
    },
    end() {
      if (skipped.size > 0) throw new Error(`No such tests to skip: ${[...skipped.keys()].join('; ')}`)
    },
  }
}

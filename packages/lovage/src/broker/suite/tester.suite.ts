import { afterAll, beforeAll, test } from 'vitest'
import type { ResultBackend } from '../../result/index.js'
import type { Broker, BrokerCapabilities } from '../broker.js'
import { World } from './world.suite.js'

/** A driver as the suite sees it. */
export interface BrokerUnderTest {
  readonly name: string
  /** Starts a private server, once for all tests; each test uses queues of its own. */
  readonly start: () => Promise<BrokerServer>
  /** Tests that the driver cannot pass, by their exact titles. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
  /** Which public priorities (0–9) the driver tells apart: equal numbers are one level. Default: all ten. */
  readonly priorityLevel?: (priority: number) => number
  /** Where a message without a priority stands: with 9, as on Redis (default), or with 0. */
  readonly absentPriority?: 9 | 0
}

/** A running server. What is optional makes tests possible that need it. */
export interface BrokerServer {
  /** A broker of its own on this server, as another process would have it; the suite closes it. */
  open(): Promise<Broker>
  /** Stops the server and starts it again on the same data; every broker was closed before. */
  restart?(): Promise<void>
  /** Takes the server away for long enough that every consumer notices, and brings it back. */
  interrupt?(): Promise<void>
  /** Puts bytes into a queue as a broken producer would. */
  publishRaw?(queue: string, raw: string | Buffer): Promise<void>
  /** Ends the lease of a holder, as if it had been silent for long enough. It still believes to hold. */
  expireLease?(holder: string): Promise<void>
  /** A result backend on the same server, whose records settle with the ack. */
  openResults?(): Promise<ResultBackend>
  /** How many round trips (commands, transactions) `settle` has cost so far, on all brokers. */
  settleTrips?(): number
  stop(): Promise<void>
}

/** What a test needs beside the basics. */
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

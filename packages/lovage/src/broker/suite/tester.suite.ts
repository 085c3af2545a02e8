import { afterAll, beforeAll, test } from 'vitest'
import type { BrokerCapabilities } from '../broker.js'
import type { BrokerServer, BrokerUnderTest } from './under-test.suite.js'
import { World } from './world.suite.js'

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

import { afterAll, beforeAll, describe } from 'vitest'
import { testEndpointsAndEvents } from './suite/endpoints-and-events.suite.js'
import { testLanes } from './suite/lanes.suite.js'
import { type StoreUnderTest, toolsOn } from './suite/tools.suite.js'
import { testUpkeep } from './suite/upkeep.suite.js'
import type { WebhookStore } from './webhook-store.js'

/** The contract of every webhooks store, on any database. */
export function describeWebhookStore(under: StoreUnderTest): void {
  describe(`webhook store: ${under.name}`, () => {
    let store: WebhookStore
    beforeAll(async () => {
      store = await under.open()
    })
    afterAll(async () => {
      await store.close()
      await under.close?.()
    })
    const tools = toolsOn(under, () => store)
    testEndpointsAndEvents(tools)
    testLanes(tools)
    testUpkeep(tools)
  })
}

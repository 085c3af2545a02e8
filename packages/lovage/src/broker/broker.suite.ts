import { describe } from 'vitest'
import { adminTests } from './suite/admin.suite.js'
import { deadLetterTests } from './suite/dead-letter.suite.js'
import { delayTests } from './suite/delay.suite.js'
import { deliveryTests } from './suite/delivery.suite.js'
import { fanoutTests } from './suite/fanout.suite.js'
import { leaseTests } from './suite/lease.suite.js'
import { settleTests } from './suite/settle.suite.js'
import { suiteTester } from './suite/tester.suite.js'
import type { BrokerUnderTest } from './suite/under-test.suite.js'

export type { BrokerServer, BrokerUnderTest } from './suite/under-test.suite.js'

/**
 * The contract of every broker driver, run against its real server:
 *
 *     describeBroker({ name: 'sqlite', start: async () => ({ open, stop, … }) })
 *
 * Tests of what a driver's `capabilities` deny, or for which its `start` offers no means, are skipped; any other
 * deviation is named in `skip` with its reason.
 */
export function describeBroker(driver: BrokerUnderTest): void {
  describe(`broker ${driver.name}`, () => {
    const tester = suiteTester(driver)
    deliveryTests(tester)
    settleTests(tester)
    leaseTests(tester)
    delayTests(tester)
    deadLetterTests(tester)
    adminTests(tester)
    fanoutTests(tester)
    tester.end()
  })
}

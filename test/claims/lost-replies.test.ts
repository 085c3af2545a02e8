import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { idsOf, message } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { isLovageError, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import type { OutgoingMessage } from '../../packages/lovage/src/message/index.js'
import { startLine } from '../rabbitmq/line.js'
import { startPostgres, startRedis } from '../servers.js'

const options = { settings: {}, clock: systemClock, logger: silentLogger }
/** At least so many, and so many cuts. */
const MESSAGES = 600
const CUTS = 5

describe.each([
  ['Redis', async () => startRedis().then((server) => ({ url: server.url, stop: () => server.stop() }))],
  [
    'PostgreSQL',
    async () => startPostgres().then((server) => ({ url: server.url(), stop: () => server.stop() })),
  ],
])('on %s', (_, start) => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start()
  })
  afterAll(async () => void (await server?.stop()))

  test('what is published through connections that are cut all the time comes once', {
    timeout: 120_000,
  }, async () => {
    const direct = new URL(server.url)
    await using line = await startLine(Number(direct.port))
    const through = new URL(server.url)
    through.host = `127.0.0.1:${line.port}`
    const [reader, producer] = await Promise.all([
      openBroker(direct.href, options),
      openBroker(through.href, options),
    ])
    await reader.declare([{ name: 'q' }])
    const ids: string[] = []
    const far = Date.now() + 3_600_000
    let isOver = false
    let cuts = 0
    const cutting = (async () => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 60 + Math.random() * 300))
        line.cut()
        cuts++
      }
    })()
    const outgoing = (id: string, index: number) =>
      message('q', { id, ...(index % 3 === 0 ? { dueMs: far } : {}) })
    /** As an app does it: what surely did not arrive is sent again. */
    const publish = async (messages: readonly OutgoingMessage[]): Promise<void> => {
      for (;;) {
        try {
          return await producer.publish(messages)
        } catch (error) {
          if (!isLovageError(error) || error.code !== 'LVG_CONNECTION_FAILED') throw error
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
    try {
      // A fast machine publishes more of them while it is cut as often.
      while (ids.length < MESSAGES || cuts < CUTS) {
        const batch = idsOf(12)
        ids.push(...batch)
        // One by one, and as an app does with the calls of one turn: together.
        const messages = batch.map(outgoing)
        await ((ids.length / 12) % 2 === 0
          ? publish(messages)
          : Promise.all(messages.map((one) => publish([one]))))
      }
      isOver = true
      await cutting
      const found: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await reader.admin.browse('q', { limit: 1000, ...(after ? { after } : {}) })
        found.push(...page.items.map(({ id }) => id))
        if (page.next === undefined) break
        after = page.next
      }
      expect(found.sort()).toEqual(ids.sort())
    } finally {
      isOver = true
      await producer.close()
      await reader.close()
    }
  })
})

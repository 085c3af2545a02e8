import { randomUUID } from 'node:crypto'
import { Lovage, startWorker } from 'lovage'
import { describeBroker } from 'lovage/driver/suites'
import { expect, test } from 'vitest'
import { openArrayBroker } from './array-broker.js'

describeBroker({
  name: 'array',
  start: async () => {
    const url = `array://${randomUUID()}`
    return { open: () => openArrayBroker(url), stop: async () => {} }
  },
})

test('a worker runs tasks from a broker of the program’s own', async () => {
  await using app = new Lovage('own', { broker: 'array://own', backend: 'memory://own', env: {} })
  const add = app.task({ name: 'add', run: (_context, x: number, y: number) => x + y })
  await using _worker = await startWorker(app)
  expect(await (await add.delay(2, 3)).get({ timeout: 10 })).toBe(5)
})

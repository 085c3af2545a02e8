import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { expect, test } from 'vitest'
import { message, TestConsumer, until } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'

test('a lock that lasts longer than calls and leases wait ends nothing that is held', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-locked-'))
  const file = join(folder, 'queue.db')
  const options = { settings: {}, clock: systemClock, logger: silentLogger }
  const broker = await openBroker(`sqlite://${file}?lockTimeoutMs=500`, options)
  try {
    await broker.declare([{ name: 'q' }])
    await broker.publish([message('q')])
    const told: unknown[] = []
    let recovered = 0
    const consumer = await TestConsumer.start(broker, {
      queues: ['q'],
      leaseMs: 1500,
      onError: (error) => told.push(error),
      onRecovered: () => recovered++,
    })
    const held = await consumer.first()
    const other = new Database(file)
    other.exec('BEGIN IMMEDIATE')
    // What is asked hears at its own deadline; what must be carried out is tried until it is.
    await expect(broker.publish([message('q')])).rejects.toMatchObject({ code: 'LVG_STORE_LOCKED' })
    const settled = consumer.ack(held)
    await until(() => told.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    other.exec('ROLLBACK')
    other.close()
    expect(await settled).toEqual([])
    await until(() => recovered === 1)
    await broker.publish([message('q')])
    await consumer.received(2)
    expect(told).toHaveLength(1)
    await consumer.close()
  } finally {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { message, TestConsumer, until } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { openSqliteFile } from '../../packages/lovage/src/drivers/sqlite/file/index.js'
import type program from '../../packages/lovage/src/drivers/sqlite/file/notes.suite.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'

const NOTES = new URL('../../packages/lovage/src/drivers/sqlite/file/notes.suite.js', import.meta.url)

test('a consumer whose file’s thread is killed keeps what it holds, and goes on', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dead-thread-'))
  const url = `sqlite://${join(folder, 'queue.db')}`
  const broker = await openBroker(url, { settings: {}, clock: systemClock, logger: silentLogger })
  const file = await openSqliteFile(url)
  try {
    const notes = await file.load<typeof program>(NOTES)
    await broker.declare([{ name: 'q' }])
    const consumer = await TestConsumer.start(broker, {
      queues: ['q'],
      leaseMs: 3000,
      // It may have asked for something at that moment, or not.
      onError: () => {},
    })
    await broker.publish([message('q')])
    const held = await consumer.first()
    await notes.call('add', 'deadly').catch(() => {})
    await until(
      () =>
        broker.publish([message('q')]).then(
          () => true,
          () => false,
        ),
      20_000,
    )
    await consumer.received(2)
    // The lease is kept by the new thread: a look for silent holders finds none.
    await new Promise((resolve) => setTimeout(resolve, 5000))
    expect(consumer.lost).toEqual([])
    expect(await consumer.ack(held, ...consumer.deliveries.slice(1))).toEqual([])
    await consumer.close()
  } finally {
    await file.close()
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

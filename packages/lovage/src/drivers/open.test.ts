import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLogger, systemClock } from '../kernel/index.js'
import { openBroker } from './index.js'

const options = { settings: {}, clock: systemClock, logger: silentLogger }

test('the scheme of the URL chooses the driver', async () => {
  const broker = await openBroker('memory://chosen', options)
  expect(broker.kind).toBe('memory')
  await broker.close()
})

test('an unknown scheme is refused with the known ones, and without the password', async () => {
  const opening = openBroker('amqpx://me:secret@host/', options)
  await expect(opening).rejects.toMatchObject({
    code: 'LVG_DRIVER_UNKNOWN',
    message: expect.stringContaining('memory://'),
  })
  await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('secret') })
})

test.each([
  'memory://options',
  `sqlite://${join(tmpdir(), 'never.db')}`,
  'redis://127.0.0.1:1/0',
  'postgresql://127.0.0.1:1/none',
  'amqp://127.0.0.1:1/',
])('an unknown transport option is refused by its name, before anything is opened at %s', async (url) => {
  for (const brokerTransportOptions of [{ visibility_timeuot: 60 }, { visibilityTimeuot: 60 }])
    await expect(openBroker(url, { ...options, settings: { brokerTransportOptions } })).rejects.toMatchObject(
      {
        code: 'LVG_CONFIG_INVALID',
        message: expect.stringMatching(/timeuot is not known; did you mean visibility_timeout\?$/i),
      },
    )
})

test('options of Celery’s that mean nothing here are accepted on every broker', async () => {
  const brokerTransportOptions = {
    max_retries: 3,
    interval_start: 0,
    visibility_timeout: 60,
    confirm_publish: true,
  }
  const broker = await openBroker('memory://accepted', { ...options, settings: { brokerTransportOptions } })
  await broker.close()
})

test('what is no URL is refused in the same way', async () => {
  await expect(openBroker('localhost', options)).rejects.toMatchObject({ code: 'LVG_DRIVER_UNKNOWN' })
})

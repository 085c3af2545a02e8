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

test('what is no URL is refused in the same way', async () => {
  await expect(openBroker('localhost', options)).rejects.toMatchObject({ code: 'LVG_DRIVER_UNKNOWN' })
})

import { expect, test } from 'vitest'
import { InFlight } from './in-flight.js'

test('holds work until it ends, in whatever order it ends', async () => {
  const inFlight = new InFlight()
  const ends: (() => void)[] = []
  const works = [0, 1, 2].map((value) =>
    inFlight.add(new Promise<number>((resolve) => ends.push(() => resolve(value)))),
  )
  expect(inFlight.size).toBe(3)
  for (const place of [1, 0, 2]) {
    ends[place]?.()
    expect(await works[place]).toBe(place)
  }
  expect(inFlight.size).toBe(0)
})

test('waits for all, and leaves failures to whoever began the work', async () => {
  const inFlight = new InFlight()
  const failing = inFlight.add(Promise.reject(new Error('no')))
  const waited = inFlight.ended()
  await expect(failing).rejects.toThrow('no')
  await waited
  expect(inFlight.size).toBe(0)
})

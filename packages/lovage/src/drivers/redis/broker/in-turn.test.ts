import { expect, test } from 'vitest'
import { InTurn } from './in-turn.js'

test('a wait ends after those that began before it, and at once when there are none', async () => {
  const turn = new InTurn()
  const ended: number[] = []
  let end = (): void => {}
  const first = new Promise<void>((resolve) => {
    end = resolve
  })
  const waits = [first, undefined, Promise.resolve()].map(async (own, index) => {
    await turn.wait(own)
    ended.push(index)
  })
  await Promise.resolve()
  expect(ended).toEqual([])
  end()
  await Promise.all(waits)
  expect(ended).toEqual([0, 1, 2])
  await turn.wait(undefined)
})

test('a wait that fails holds up none that begins later', async () => {
  const turn = new InTurn()
  const failing = turn.wait(Promise.reject(new Error('gone')))
  const later = turn.wait(undefined)
  await expect(failing).rejects.toThrow('gone')
  await later
})

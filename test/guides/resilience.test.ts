import { expect, test } from 'vitest'
import { importProgram, readGuide } from './guide.js'

const { programs, makeShop } = readGuide('resilience.md')

test('the programs of the guide to resilience run', { timeout: 60_000 }, async () => {
  using shop = makeShop()
  const outputs: string[] = []
  for (const { name } of programs) {
    const ran = await importProgram(shop, name)
    expect(ran, name).toMatchObject({ code: 0, stderr: '' })
    outputs.push(ran.stdout)
  }
  expect(outputs.find((text) => text.includes('apple'))?.split('\n')).toEqual([
    'true',
    '1: final apple: 120',
    expect.stringContaining('superseded'),
    '{ paid: 500 }',
    '',
  ])
})

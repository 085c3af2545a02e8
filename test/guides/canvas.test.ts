import { expect, test } from 'vitest'
import { importProgram, readGuide } from './guide.js'

const { programs, makeShop } = readGuide('canvas.md')

test.each(programs.map(({ name }) => name))('%s of the guide to canvas runs', async (name) => {
  using shop = makeShop()
  const { code, stdout, stderr } = await importProgram(shop, name)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  if (name === 'work.ts') expect(stdout).toMatch(/^113\n\[ 3, 7 \]\n10\n4\n/m)
})

import { expect, test } from 'vitest'
import { lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from './guide.js'

const { programs, commands, makeShop } = readGuide('dead-letters.md')

test('the programs and commands of the guide to dead letters run', { timeout: 60_000 }, async () => {
  using shop = makeShop()
  for (const { name } of programs)
    expect(await importProgram(shop, name), name).toMatchObject({ code: 0, stderr: '' })
  for (const line of commands)
    expect(await lovage(words(line).slice(1), { cwd: shop.folder }), line).toMatchObject({
      code: 0,
      // The shop has no letters.
      stderr: expect.stringMatching(/^(None found\.)?$/),
    })
})

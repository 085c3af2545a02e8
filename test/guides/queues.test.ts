import { expect, test } from 'vitest'
import { lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from './guide.js'

const { programs, commands, makeShop } = readGuide('queues.md')

test('the programs and commands of the guide to queues run', { timeout: 90_000 }, async () => {
  using shop = makeShop()
  for (const line of commands)
    expect(await lovage(words(line).slice(1), { cwd: shop.folder }), line).toMatchObject({
      code: 0,
      stderr: '',
    })
  for (const { name } of programs)
    expect(await importProgram(shop, name), name).toMatchObject({ code: 0, stderr: '' })
})

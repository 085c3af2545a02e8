import { expect, test } from 'vitest'
import { lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from './guide.js'

const { programs, commands, makeShop } = readGuide('remote-control.md')

test.each(programs.map(({ name }) => name))('%s of the guide to remote control runs', async (name) => {
  using shop = makeShop()
  const { code, stdout, stderr } = await importProgram(shop, name)
  // The rate that the program sets is told of by its worker.
  const unexpected = stderr.replace(/^.*rate limits set at run time are in force.*\n/gm, '')
  expect({ code, stderr: unexpected }).toEqual({ code: 0, stderr: '' })
  if (name === 'operate.ts') expect(stdout).toMatch(/pong[\s\S]*hello you/)
  if (name === 'cluster.ts') expect(stdout).toMatch(/mail@box1[\s\S]*shop\.send[\s\S]*SUCCESS: 1/)
  if (name === 'progress.ts') expect(stdout).toMatch(/^5$/m)
  if (name === 'watch.ts') expect(stdout).toMatch(/task-received/)
})

test('the commands of the guide to remote control do what they say', async () => {
  using shop = makeShop()
  // The guide's reader has this queue; of one that there is not the command says so.
  expect(
    await lovage(['-A', 'app.ts', 'call', 'shop.send', '--queue', 'billing'], { cwd: shop.folder }),
  ).toMatchObject({ code: 0 })
  for (const line of commands) {
    const [, ...args] = words(line)
    expect(await lovage(args, { cwd: shop.folder }), line).toMatchObject({ code: 0, stderr: '' })
  }
})

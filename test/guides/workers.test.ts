import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from './guide.js'

const { programs, commands, makeShop } = readGuide('workers.md')

test.each(programs.map(({ name }) => name))('%s of the guide to workers runs', async (name) => {
  using shop = makeShop()
  expect(await importProgram(shop, name)).toMatchObject({ code: 0, stderr: '' })
})

test('every command of the guide to workers does what it says', { timeout: 120_000 }, async () => {
  using shop = makeShop()
  const cwd = shop.folder
  expect(commands.length).toBeGreaterThan(12)
  for (const line of commands) {
    const [, ...args] = words(line)
    const stays = /\b(dev|worker)\b/.test(line)
    if (!stays) {
      expect(await lovage(args, { cwd }), line).toMatchObject({ code: 0, stderr: '' })
      continue
    }
    await using process = new Command([...args, '-l', 'info'], { cwd })
    await process.says(/ ready/, line.includes('--processes 2') ? 2 : 1)
    process.signal('SIGTERM')
    expect(await process.exited, line).toBe(0)
  }
})

test('the task of the guide ends at its soft limit as it says', async () => {
  using shop = makeShop()
  const cwd = shop.folder
  shop.write({
    'slow.ts': `
      import { createServer } from 'node:http'
      import { app } from './app.ts'
      export { app }
      // Never answers.
      const server = createServer(() => {}).listen(0)
      server.unref()
      const { port } = server.address() as { port: number }
      app.steps.push({ name: 'send', start: async () => {
        await app.sendTask('shop.render', { args: ['http://127.0.0.1:' + port], softTimeLimit: 0.3, taskId: 'the-one' })
      } })`,
  })
  await using worker = new Command(['-A', 'slow', 'worker', '-l', 'info'], { cwd })
  await worker.says(/ ready/)
  const { stdout } = await lovage(['-A', 'app', 'result', 'the-one', '--wait', '10'], { cwd })
  expect(stdout).toContain('too slow')
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  await until(() => !worker.isRunning)
})

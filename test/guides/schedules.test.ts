import { expect, test } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from './guide.js'

const { programs, commands, makeShop } = readGuide('schedules.md')

/** What programs of the guide print; the others print nothing. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  'snippet-2.ts': /^every 30 seconds 20[\s\S]*crontab 0 9 1-7 \* mon 20[\s\S]*sunset at/,
  'snippet-4.ts': /^nightly report crontab 15 3 [\s\S]*tidy up every 5 minutes \d+\n[\w-]{36}\n?$/,
}

test.each(programs.map(({ name }) => name))('%s of the guide to schedules runs', async (name) => {
  using shop = makeShop()
  const { code, stdout, stderr } = await importProgram(shop, name)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(PRINTED[name] ?? /^$/)
})

test('every command of the guide to schedules does what it says', { timeout: 90_000 }, async () => {
  using shop = makeShop()
  const cwd = shop.folder
  expect(commands.length).toBeGreaterThan(8)
  for (const line of commands) {
    const [, ...args] = words(line)
    const stays = /\b(beat|worker) /.test(line) && !line.includes('--list')
    if (!stays) {
      expect(await lovage(args, { cwd }), line).toMatchObject({ code: 0, stderr: '' })
      continue
    }
    await using process = new Command(args, { cwd })
    await process.says(/beat: Leading\./)
    process.signal('SIGTERM')
    expect(await process.exited, line).toBe(0)
  }
  const { stdout } = await lovage(['-A', 'app.ts', 'schedule', 'list'], { cwd })
  expect(stdout).toMatch(/nightly report +shop\.report +crontab 0 2 \* \* \* +Europe\/Berlin .* 1 +enabled/)
  expect(stdout).toMatch(/tidy up +shop\.tidy +every 5 minutes .* enabled$/m)
  expect(stdout).not.toContain('weekly')
})

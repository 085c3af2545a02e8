import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'

const GUIDE = readFileSync(fileURLToPath(new URL('../../docs/guides/schedules.md', import.meta.url)), 'utf8')
const LOADER = fileURLToPath(new URL('../../packages/lovage/dist/loader/index.js', import.meta.url))

const blocks = [...GUIDE.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', name = '', code = '']) => ({
    language,
    name,
    code,
  }),
)
const programs = blocks
  .filter(({ language }) => language === 'ts')
  .map(({ name, code }, index) => ({ name: name || `snippet-${index}.ts`, code }))
const commands = blocks
  .filter(({ language }) => language === 'bash')
  .flatMap(({ code }) => code.trim().split('\n'))
  .map((line) => line.replace(/ +#.*$/, ''))

/** The words of a command line: in double quotes, in single quotes, or bare. */
const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )

const makeShop = () =>
  makeProject({
    'package.json': '{"type":"module"}',
    ...Object.fromEntries(programs.map(({ name, code }) => [name, code])),
  })

test.each(programs.map(({ name }) => name))('%s of the guide to schedules runs', async (name) => {
  using shop = makeShop()
  shop.write({
    'run.mjs': `const { importModules } = await import(${JSON.stringify(LOADER)})
      await importModules(['./${name}'], process.cwd())
      process.exit()`,
  })
  const { code, stdout, stderr } = await run(process.execPath, ['run.mjs'], { cwd: shop.folder })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  if (stdout !== '') expect(stdout).toMatch(/\S/)
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

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, MAIN } from './command.js'

const folder = new URL('../../examples/scripts/', import.meta.url)
const SCRIPT = fileURLToPath(new URL('run-workers.sh', folder))

function start(cwd: string, ...args: readonly string[]): Command {
  const env = { APP: 'app', LOVAGE: `${process.execPath} ${MAIN}` }
  return new Command(args, { cwd, env, program: ['sh', SCRIPT] })
}

const makeShop = () =>
  makeProject({
    'package.json': '{"type":"module"}',
    'app.ts': `import { Lovage } from 'lovage'\nexport const app = new Lovage('shop')`,
  })

test('the script starts workers of one type, with the schedule, and is gone when they stop', async () => {
  using shop = makeShop()
  await using worker = start(shop.folder, '--worker-type', 'billing', '--beat', '--development')
  await worker.says(/billing@\S+ ready/)
  expect(worker.log.find(({ msg }) => / starts: /.test(String(msg)))).toMatchObject({
    queues: ['billing'],
    pool: 'solo',
    hostname: expect.stringMatching(/^billing@/),
  })
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
})

test('the script says which options there are', async () => {
  using shop = makeShop()
  await using worker = start(shop.folder, '--worker', 'billing')
  expect(await worker.exited).toBe(64)
  expect(worker.stderr).toMatch(
    /unknown option --worker \(there are --worker-type, --log-level, --beat, --development\)/,
  )
})

test('its twin for PowerShell takes the same options', () => {
  const twin = readFileSync(new URL('run-workers.ps1', folder), 'utf8')
  const script = readFileSync(SCRIPT, 'utf8')
  const options = [...script.matchAll(/^ {4}(--[\w-]+)(?: \| (--[\w-]+))?\)/gm)].flatMap(([, one, other]) => [
    one,
    other,
  ])
  const said = options.flatMap((option) =>
    option ? [option.replace(/-+(\w)/g, (_, first) => first.toUpperCase())] : [],
  )
  expect(said).toEqual(['WorkerType', 'LogLevel', 'Beat', 'Development'])
  for (const option of said) expect(twin).toMatch(new RegExp(`\\[(string|switch)\\] \\$${option}\\b`))
})

import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'
import { Command, lovage } from './command.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { brokerLease: 1.5 })
const note = (text: string) => appendFileSync(new URL('./runs.txt', import.meta.url), text + '\\n')
const spinForEver = () => { for (;;); }
app.task({ name: 'block.limited', timeLimit: 1, run: async () => { note('limited'); await null; spinForEver() } })
app.task({ name: 'block.ever', run: () => { note('ever ' + process.pid); spinForEver() } })
`

const makeShop = () => makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })
const runs = (folder: string): readonly string[] =>
  existsSync(`${folder}/runs.txt`) ? readFileSync(`${folder}/runs.txt`, 'utf8').trim().split('\n') : []
const call = async (cwd: string, ...args: string[]): Promise<string> =>
  (await lovage(['-A', 'app', 'call', ...args], { cwd })).stdout

const WORKER = ['-A', 'app', 'worker', '-l', 'info', '-P', 'async', '-c', '1']

describe('a task that blocks the event loop', () => {
  test('is named, with the place where it is, and ended at its hard limit with its process', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const id = await call(cwd, 'block.limited')
    await using worker = new Command(WORKER, { cwd })
    expect(await worker.exited).toBe('SIGKILL')
    const told = worker.log.find(({ msg }) => /has blocked the event loop for/.test(String(msg)))
    expect(told).toMatchObject({ task_id: id, task_name: 'block.limited', blocked_ms: expect.any(Number) })
    expect(String(told?.msg)).toMatch(/-P prefork.*\n {4}at spinForEver \(.*app\.ts:6:\d+\)/)
    expect(worker.stderr).toContain(`block.limited[${id}] blocks the event loop beyond its hard limit`)
  })

  test('is named and let be when it has no limit', { timeout: 60_000 }, async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const id = await call(cwd, 'block.ever')
    await using worker = new Command(WORKER, { cwd })
    const line = new RegExp(`block.ever\\[${id}\\] has blocked the event loop for`)
    await worker.says(line)
    await worker.says(line, 2)
    expect(worker.isRunning).toBe(true)
  })

  test('does not outlive the supervisor of its process', { timeout: 60_000 }, async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using supervisor = new Command([...WORKER, '--processes', '2'], { cwd })
    await supervisor.says(/ ready/, 2)
    await call(cwd, 'block.ever')
    await until(() => runs(cwd).length === 1, { timeoutMs: 15_000 })
    const pid = Number(runs(cwd)[0]?.split(' ')[1])
    supervisor.signal('SIGKILL')
    await until(
      async () =>
        (await run('ps', ['-o', 'stat=', '-p', String(pid)])).stdout.trim().replace(/^Z.*/, '') === '',
      {
        timeoutMs: 30_000,
      },
    )
  })
})

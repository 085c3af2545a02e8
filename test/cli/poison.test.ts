import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { brokerLease: 1.5 })
app.task({ name: 'block.limited', timeLimit: 1, run: () => {
  appendFileSync(new URL('./runs.txt', import.meta.url), 'run\\n')
  for (;;);
} })
app.task({ name: 'block.add', run: (_ctx, x: number, y: number) => x + y })`

test.concurrent('a task that costs every worker its life is a dead letter when it has done so four times', {
  timeout: 120_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })
  const cwd = shop.folder
  const call = async (...args: string[]) => (await lovage(['-A', 'app', 'call', ...args], { cwd })).stdout
  await using supervisor = new Command(
    ['-A', 'app', 'worker', '-l', 'info', '-P', 'async', '-c', '1', '--processes', '2'],
    { cwd },
  )
  await supervisor.says(/ ready/, 2)
  const id = await call('block.limited')
  // Meanwhile an operator sees its state.
  const reason = await until(
    async () => {
      const { stdout } = await lovage(['-A', 'app', 'health', '--json'], { cwd })
      const { status, reasons, redelivered } = JSON.parse(stdout) as {
        readonly status: string
        readonly reasons: readonly string[]
        readonly redelivered: readonly { readonly id: string }[]
      }
      if (status === 'healthy' || !redelivered.some((one) => one.id === id)) return false
      return reasons.find((text) => text.startsWith('block.limited'))
    },
    { timeoutMs: 60_000 },
  )
  expect(reason).toMatch(
    new RegExp(`^block\\.limited\\[${id}\\] has lost [23] workers, and \\S+@\\S+ had it last$`),
  )
  const { stdout, stderr } = await lovage(['-A', 'app', 'result', id, '--wait', '90'], { cwd })
  expect(`${stdout} ${stderr}`).toContain('WorkerLostError')
  expect(readFileSync(`${cwd}/runs.txt`, 'utf8')).toBe('run\n'.repeat(4))
  const letters = JSON.parse((await lovage(['-A', 'app', 'dead', 'list', '--json'], { cwd })).stdout)
  expect(letters.items).toMatchObject([{ taskId: id, reason: 'worker-lost' }])
  const sum = await call('block.add', '-a', '[1, 2]')
  expect((await lovage(['-A', 'app', 'result', sum, '--wait', '30'], { cwd })).stdout).toBe('3')
  supervisor.signal('SIGTERM')
  expect(await supervisor.exited).toBe(0)
})

const CROWD = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { brokerLease: 1.5 })
const waits = app.task({ name: 'crowd.waits', run: async (_ctx, n: number) => {
  await new Promise((resolve) => setTimeout(resolve, 600))
  appendFileSync(new URL('./done.txt', import.meta.url), n + '\\n')
} })
const kills = app.task({ name: 'crowd.kills', run: async () => {
  await new Promise((resolve) => setTimeout(resolve, 200))
  process.kill(process.pid, 'SIGKILL')
} })
app.task({ name: 'crowd.send', run: async () => {
  await Promise.all([...Array.from({ length: 19 }, (_, n) => waits.delay(n)), kills.delay()])
} })`

test.concurrent('neighbours of a task that costs workers their lives are not blamed for it', {
  timeout: 180_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': CROWD })
  const cwd = shop.folder
  await using supervisor = new Command(
    ['-A', 'app', 'worker', '-l', 'info', '-P', 'async', '-c', '20', '--processes', '2'],
    { cwd },
  )
  await supervisor.says(/ ready/, 2)
  await lovage(['-A', 'app', 'call', 'crowd.send'], { cwd })
  const letters = await until(
    async () => {
      const { stdout } = await lovage(['-A', 'app', 'dead', 'list', '--json'], { cwd })
      const { items } = JSON.parse(stdout) as { items: readonly { task: string }[] }
      return items.length > 0 && items
    },
    { timeoutMs: 90_000 },
  )
  expect(letters).toMatchObject([{ task: 'crowd.kills', reason: 'worker-lost', redeliveries: 4 }])
  const file = `${cwd}/done.txt`
  const done = () => (existsSync(file) ? new Set(readFileSync(file, 'utf8').trim().split('\n')).size : 0)
  await until(() => done() === 19, { timeoutMs: 60_000 })
  const { stdout } = await lovage(['-A', 'app', 'dead', 'list', '--json'], { cwd })
  expect(JSON.parse(stdout).items).toHaveLength(1)
  supervisor.signal('SIGTERM')
  expect(await supervisor.exited).toBe(0)
})

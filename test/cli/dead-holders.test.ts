import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

/** No lease of these runs ends within a test. */
const APP = `
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { brokerLease: 600 })
const file = new URL('./runs.txt', import.meta.url)
const isAlive = (pid: string): boolean => {
  try {
    process.kill(Number(pid), 0)
    return true
  } catch {
    return false
  }
}
app.task({ name: 'shop.poison', run: () => {
  appendFileSync(file, 'run\\n')
  process.kill(process.pid, 'SIGKILL')
} })
app.task({ name: 'shop.once', run: () => {
  const before = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\\n') : []
  appendFileSync(file, process.pid + '\\n')
  if (before.length === 0) for (;;);
  return before.filter(isAlive).length
} })`
const makeShop = () => makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })

for (const processes of [1, 2])
  test.concurrent(`a poison task among ${processes} supervised processes becomes a letter without waiting for leases`, {
    timeout: 120_000,
  }, async () => {
    using shop = makeShop()
    const cwd = shop.folder
    await using supervisor = new Command(
      ['-A', 'app', 'worker', '-P', 'async', '-c', '4', '--processes', String(processes)],
      { cwd },
    )
    const id = (await lovage(['-A', 'app', 'call', 'shop.poison'], { cwd })).stdout
    const { stdout, stderr } = await lovage(['-A', 'app', 'result', id, '--wait', '100'], { cwd })
    expect(`${stdout} ${stderr}`).toContain('WorkerLostError')
    expect(readFileSync(`${cwd}/runs.txt`, 'utf8')).toBe('run\n'.repeat(4))
    const letters = JSON.parse((await lovage(['-A', 'app', 'dead', 'list', '--json'], { cwd })).stdout)
    expect(letters.items).toMatchObject([{ taskId: id, reason: 'worker-lost', redeliveries: 4 }])
    supervisor.signal('SIGTERM')
    expect(await supervisor.exited).toBe(0)
  })

test.concurrent('what a killed worker held is run again at once, but not beside the child that still runs it', {
  timeout: 120_000,
}, async () => {
  using shop = makeShop()
  const cwd = shop.folder
  await using supervisor = new Command(
    ['-A', 'app', 'worker', '-l', 'info', '-P', 'prefork', '-c', '1', '--processes', '2'],
    {
      cwd,
    },
  )
  await supervisor.says(/ ready/, 2)
  const id = (await lovage(['-A', 'app', 'call', 'shop.once'], { cwd })).stdout
  const child = await until(
    () => existsSync(`${cwd}/runs.txt`) && /^(\d+)\n/.exec(readFileSync(`${cwd}/runs.txt`, 'utf8'))?.[1],
    { timeoutMs: 60_000 },
  )
  process.kill(parentOf(Number(child)), 'SIGKILL')
  const { stdout } = await lovage(['-A', 'app', 'result', id, '--wait', '90'], { cwd })
  // The number of children that ran it before and are still alive.
  expect(stdout).toBe('0')
  supervisor.signal('SIGTERM')
  expect(await supervisor.exited).toBe(0)
})

function parentOf(pid: number): number {
  const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(parent)
}

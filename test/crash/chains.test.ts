import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { startRedis } from '../servers.js'

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url))
const POINTS = [
  'settle:before',
  'settle:after-continuation',
  'settle:after-result',
  'settle:after-ack',
  'claim:after',
]

test('a chain whose worker takes each next step itself goes on wherever that dies', {
  timeout: 120_000,
}, async () => {
  await using redis = await startRedis()
  const app = createTestApp('crash', { broker: redis.url, backend: redis.url })
  const work = app.remote<[n: number], number>({ name: 'crash.work', options: {} })
  const steps = Array.from({ length: 24 }, () => work.s())
  const result = await steps.reduce((before, step) => before.pipe(step), work.s(1)).delay()
  const start = (point: string) => {
    const child = spawn(process.execPath, [WORKER], {
      env: { ...process.env, CRASH_BROKER: redis.url, LOVAGE_CRASH_POINT: point },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return { child, exit: once(child, 'exit') }
  }
  for (const point of POINTS) {
    const victim = start(`${point}#3`)
    expect(await victim.exit).toEqual([null, 'SIGKILL'])
  }
  const last = start('')
  expect(await result.get({ timeout: 60 })).toBe(2 ** 25)
  last.child.kill('SIGKILL')
  await last.exit
  await app.close()
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { makeProject } from './loader/project.js'

const LOVAGE = new URL('../packages/lovage/dist/index.js', import.meta.url).href
/** Its thread is nearly always inside a call: each claim of so many queues takes a while. */
const PROGRAM = `
import { Lovage, startWorker } from ${JSON.stringify(LOVAGE)}
const app = new Lovage('exit', { broker: process.argv[2], backend: 'disabled://', env: {} })
const task = app.task({ name: 't', run: () => {} })
await startWorker(app, { queues: Array.from({ length: 400 }, (_, n) => 'q' + n) })
await Promise.all(Array.from({ length: 100 }, (_, n) => task.applyAsync([], { queue: 'q' + n })))
setTimeout(() => process.exit(7), Number(process.argv[3]))`

test('a program that works on a file ends as it says, in whatever moment it exits', {
  timeout: 120_000,
}, async () => {
  using project = makeProject({ 'package.json': '{"type":"module"}', 'program.mjs': PROGRAM })
  const codes: unknown[] = []
  for (let delayMs = 1; delayMs <= 12; delayMs++) {
    const broker = `sqlite://${project.folder}/${delayMs}.db`
    const child = spawn(process.execPath, [project.path('program.mjs'), broker, String(delayMs)], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    codes.push((await once(child, 'exit'))[0])
  }
  expect(codes).toEqual(Array.from({ length: 12 }, () => 7))
})

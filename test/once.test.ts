import { fork } from 'node:child_process'
import { once as event } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-once-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a task that is run twice charges once, and answers the same', async () => {
  await using app = createTestApp()
  let charges = 0
  const charge = app.task({
    name: 'charge',
    run: (_ctx, payment: string) => app.once(`charge:${payment}`, () => ({ receipt: ++charges })),
  })
  await using _worker = await startTestWorker(app)
  const [one, two, other] = await charge.applyAsyncMany([
    { args: ['p1'] },
    { args: ['p1'] },
    { args: ['p2'] },
  ])
  const receipt = await one?.get({ timeout: 5 })
  expect(await two?.get({ timeout: 5 })).toEqual(receipt)
  expect(await other?.get({ timeout: 5 })).not.toEqual(receipt)
  expect(charges).toBe(2)
  expect(await app.once('charge:p1', () => ({ receipt: ++charges }))).toEqual(receipt)
})

test('a failure is not remembered, and nothing is remembered for ever', async () => {
  await using app = createTestApp()
  await expect(
    app.once('key', () => {
      throw new Error('refused')
    }),
  ).rejects.toThrow('refused')
  expect(await app.once('key', () => 1, { ttl: 0.02 })).toBe(1)
  await expect.poll(() => app.once('key', () => 2)).toBe(2)
  await expect(app.once('bad', () => () => 1)).rejects.toThrow(/the value of bad/)
})

test('whoever waits for another is woken by its end, or stops when told', async () => {
  await using app = createTestApp()
  let finish = (_value: string): void => {}
  const first = app.once('slow', () => new Promise<string>((resolve) => (finish = resolve)))
  const second = app.once('slow', () => 'not this')
  const leaving = new AbortController()
  const third = app.once('slow', () => 'nor this', { signal: leaving.signal })
  leaving.abort(new Error('left'))
  await expect(third).rejects.toThrow('left')
  finish('done')
  expect(await Promise.all([first, second])).toEqual(['done', 'done'])
})

test('work of a process that was killed is done by another', async () => {
  const url = `sqlite://${join(folder, 'queue.db')}`
  const script = join(folder, 'dies.mjs')
  writeFileSync(
    script,
    `import { Lovage } from ${JSON.stringify(import.meta.resolve('lovage'))}
     const app = new Lovage('dies', { brokerUrl: ${JSON.stringify(url)} })
     await app.once('report', () => new Promise(() => { process.send('working'); setInterval(() => {}, 1000) }), { lease: 0.5 })`,
  )
  const child = fork(script)
  await event(child, 'message')
  await using app = new Lovage('heir', { brokerUrl: url })
  const heir = app.once('report', () => 'by the heir', { lease: 0.5 })
  child.kill('SIGKILL')
  expect(await heir).toBe('by the heir')
})

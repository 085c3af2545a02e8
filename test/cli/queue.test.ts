import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { lovage } from './command.js'

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { taskQueues: ['mail'], taskDefaultQueue: 'mail' })
app.task({ name: 'mail.send', run: (_ctx, to: string) => to })`

test('the tasks of a queue are looked at, promoted, rescheduled and deleted by id', {
  timeout: 60_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"type":"module","lovage":"app.ts"}', 'app.ts': APP })
  const run = (...args: readonly string[]) => lovage(args, { cwd: shop.folder })
  const call = async (to: string, ...more: readonly string[]) =>
    (await run('call', 'mail.send', '--args', JSON.stringify([to]), ...more)).stdout
  const ready = await call('ada')
  const later = await call('bob', '--countdown', '3600')
  const never = await call('eve', '--countdown', '7200')

  const table = (await run('queue', 'list', 'mail')).stdout.split('\n')
  expect(table[0]).toMatch(/^id +task +state +due +held by +redeliveries +retries +arguments$/)
  expect(table[1]).toMatch(new RegExp(`^${ready} +mail.send +ready +- +- +0 +0 +\\('ada',\\) \\{\\}$`))
  expect(table[2]).toMatch(
    new RegExp(`^${later} +mail.send +delayed +20\\S+Z +- +0 +0 +\\('bob',\\) \\{\\}$`),
  )
  expect(table).toHaveLength(4)
  const page = JSON.parse(
    (await run('queue', 'list', 'mail', '--state', 'delayed', '-n', '1', '--json')).stdout,
  )
  expect(page).toMatchObject({ items: [{ id: later, argsrepr: "('bob',)" }], next: expect.any(String) })

  expect((await run('queue', 'peek', later)).stdout).toMatch(/state +delayed\n[\s\S]*args +\["bob"\]/)
  expect(await run('queue', 'peek', 'nobody')).toMatchObject({
    code: 1,
    stderr: 'nobody is not in any queue.',
  })

  expect(await run('queue', 'promote', later)).toMatchObject({ code: 0, stdout: '1 message is due now.' })
  expect((await run('queue', 'reschedule', ready, '--eta', '2040-01-31T09:00:00Z')).stdout).toBe(
    '1 message is due at 2040-01-31T09:00:00.000Z.',
  )
  expect(await run('queue', 'delete', never)).toMatchObject({ code: 64 })
  expect((await run('queue', 'delete', '-f', never)).stdout).toBe('1 message removed.')
  expect((await run('result', never)).stderr).toContain('REVOKED')
  expect((await run('queue', 'delete', '-f', never)).code).toBe(1)

  for (const [wrong, sentence] of [
    [['list', 'male'], /There is no queue male/],
    [['list', 'mail', '--state', 'dead'], /dead is not a state.*\n.*ready, delayed, unacked/],
    [['reschedule', ready], /--countdown or --eta/],
    [['reschedule', ready, '--eta', 'soon'], /soon is not a valid time/],
  ] as const)
    expect(await run('queue', ...wrong)).toMatchObject({ code: 64, stderr: expect.stringMatching(sentence) })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { startRedis } from '../servers.js'

test('questions, events and killed askers leave nothing on Redis', { timeout: 90_000 }, async () => {
  await using redis = await startRedis()
  const folder = mkdtempSync(join(tmpdir(), 'lovage-clean-'))
  const app = createTestApp('ts', { broker: redis.url, backend: redis.url, workerSendTaskEvents: true })
  app.task({ name: 'ts.add', run: (_ctx, x: number, y: number) => x + y })
  const worker = await startTestWorker(app, { hostname: 'ts@box' })
  const client = new Redis(redis.url)
  const left = async () => (await client.keys('*')).filter((key) => /pidbox|celeryev/.test(key)).sort()
  try {
    for (let n = 0; n < 5; n++) {
      await app.control.ping({ destination: 'ts@box', timeout: 20 })
      await app.control.ping({ destination: 'nobody@box', timeout: 0.05 })
      await (await app.sendTask('ts.add', { args: [1, 2] })).get({ timeout: 20 })
    }
    // Events are told to whoever listens now, and kept nowhere.
    await until(async () => (await left()).length === 0, { timeoutMs: 20_000 })

    await using killed = new Command(['-b', redis.url, 'inspect', 'ping', '-t', '60', '-d', 'nobody@box'], {
      cwd: folder,
    })
    await until(async () => (await left()).length > 0, { timeoutMs: 20_000 })
    killed.signal('SIGKILL')
    await killed.exited
    expect(await client.smembers('lovage:queues')).toContainEqual(expect.stringMatching(/pidbox$/))
    // Its minute is over.
    for (const queue of await client.zrange('lovage:inboxes', '0', '-1'))
      await client.zadd('lovage:inboxes', '1', queue)
    await app.control.ping({ destination: 'ts@box', timeout: 20 })
    await until(async () => (await left()).length === 0 && (await client.exists('lovage:inboxes')) === 0, {
      timeoutMs: 20_000,
    })
    expect(await client.smembers('lovage:queues')).toEqual(['celery'])
  } finally {
    client.disconnect()
    await worker.stop()
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

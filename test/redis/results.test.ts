import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import type { ResultRecord, TaskResult } from '../../packages/lovage/src/result/index.js'
import { type RedisServer, startRedis } from '../servers.js'

let server: RedisServer
let client: Redis
const open = (settings: Record<string, unknown> = {}) =>
  openResultBackend(server.url, { settings, clock: systemClock, logger: silentLogger })

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.url)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

const record = (id: string, over: Partial<ResultRecord> = {}): ResultRecord => ({
  id,
  state: 'SUCCESS',
  result: 2,
  resultJson: '2',
  traceback: null,
  children: [],
  dateDone: '2026-11-20T20:02:48.839355+00:00',
  ...over,
})

describe('results on Redis', () => {
  it("lie under Celery's key as Celery's meta object, and expire", async () => {
    const results = await open()
    const id = newId()
    await results.store([record(id, { parentId: 'parent', groupId: 'group' })])
    expect(JSON.parse((await client.get(`celery-task-meta-${id}`)) ?? '')).toEqual({
      status: 'SUCCESS',
      result: 2,
      traceback: null,
      children: [],
      date_done: '2026-11-20T20:02:48.839355+00:00',
      group_id: 'group',
      parent_id: 'parent',
      task_id: id,
    })
    expect(await client.ttl(`celery-task-meta-${id}`)).toBeGreaterThan(86_000)
    await results.close()
  })

  it('are kept for ever when nothing expires, and under a prefix that ends with a separator', async () => {
    const results = await open({
      resultExpires: 0,
      resultBackendTransportOptions: { global_keyprefix: 'rp' },
    })
    const id = newId()
    await results.store([record(id)])
    expect(await client.ttl(`rp_celery-task-meta-${id}`)).toBe(-1)
    await results.close()
  })

  it('with stamps and arguments are flat, as Celery writes them', async () => {
    const results = await open()
    const id = newId()
    const extended = {
      name: 't.add',
      args: [1],
      kwargs: { y: 2 },
      worker: 'w1@spec',
      retries: 0,
      queue: 'spec_q',
      stamps: { tenant: 'acme' },
    }
    await results.store([record(id, { extended })])
    expect(JSON.parse((await client.get(`celery-task-meta-${id}`)) ?? '')).toMatchObject({
      name: 't.add',
      args: [1],
      kwargs: { y: 2 },
      worker: 'w1@spec',
      retries: 0,
      queue: 'spec_q',
      stamped_headers: ['tenant'],
      tenant: 'acme',
    })
    expect(await results.get([id])).toMatchObject([{ extended }])
    await results.close()
  })

  it('of Python are read, whatever is missing', async () => {
    const results = await open()
    const id = newId()
    await client.set(
      `celery-task-meta-${id}`,
      `{"status": "REVOKED", "result": {"exc_type": "TaskRevokedError", "exc_message": ["revoked"], "exc_module": "celery.exceptions"}, "traceback": null, "children": null, "date_done": null, "task_id": "${id}"}`,
    )
    expect(await results.get([id])).toEqual([
      {
        id,
        state: 'REVOKED',
        result: {
          exc_type: 'TaskRevokedError',
          exc_message: ['revoked'],
          exc_module: 'celery.exceptions',
        },
        traceback: null,
        children: [],
        dateDone: null,
      },
    ])
    await results.close()
  })

  it.each(['{"status": "SUCCESS", "result": 1}', '{"result":1,"status":"SUCCESS"}'])(
    'never overwrite the SUCCESS %s',
    async (json) => {
      const results = await open()
      const id = newId()
      await client.set(`celery-task-meta-${id}`, json)
      await results.store([record(id, { state: 'FAILURE' }), record(id, { result: 3, resultJson: '3' })])
      expect(await client.get(`celery-task-meta-${id}`)).toBe(json)
      await results.close()
    },
  )

  it('replace every other state', async () => {
    const results = await open()
    const id = newId()
    for (const state of ['STARTED', 'RETRY', 'FAILURE', 'SUCCESS'])
      await results.store([record(id, { state })])
    expect(await results.get([id])).toMatchObject([{ state: 'SUCCESS' }])
    await results.close()
  })

  it('are announced on the channel of the key, with the whole object', async () => {
    const results = await open()
    const subscriber = client.duplicate()
    const id = newId()
    const heard: string[] = []
    subscriber.on('message', (_channel, payload) => heard.push(payload))
    await subscriber.subscribe(`celery-task-meta-${id}`)
    await results.store([record(id)])
    await vi.waitFor(() => expect(heard.length).toBe(1), 20_000)
    expect(JSON.parse(heard[0] ?? '')).toMatchObject({ task_id: id, status: 'SUCCESS' })
    subscriber.disconnect()
    await results.close()
  })

  it('are told to who waits, through a loss of every connection', async () => {
    const results = await open()
    const other = await open()
    const id = newId()
    const told: TaskResult[] = []
    const end = results.watch([id], (result) => told.push(result))
    await other.store([record(id, { state: 'STARTED' })])
    await vi.waitFor(() => expect(told.map(({ state }) => state)).toEqual(['STARTED']), 20_000)
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await other.store([record(id)])
    await vi.waitFor(() => expect(told.map(({ state }) => state)).toEqual(['STARTED', 'SUCCESS']), 3_000)
    end()
    await results.close()
    await other.close()
  })
})

import { Redis } from 'ioredis'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import type { JoinStore, ResultBackend } from '../../packages/lovage/src/result/index.js'
import { type RedisServer, startRedis } from '../servers.js'

let server: RedisServer
let client: Redis
let results: ResultBackend
let joins: JoinStore

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.url)
  results = await openResultBackend(server.url, { settings: {}, clock: systemClock, logger: silentLogger })
  if (!results.joins) throw new Error('no joins')
  joins = results.joins
})
afterAll(async () => {
  await results?.close()
  client?.disconnect()
  await server?.stop()
})

const BODY = '{"task": "total", "args": [], "kwargs": {}, "options": {"task_id": "body"}}'

/** A chord as Celery 5.2 to 5.7 opens one whose header is `a, group(b, c)`: sending the group lowers the size from 3 to 2. */
async function openedByPython() {
  const id = newId()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => `${id}-${name}`) as [string, string, string]
  const leaf = (task: string) => [[task, null], null]
  const header = [
    [id, null],
    [
      leaf(a),
      [
        [`${id}-group`, null],
        [leaf(b), leaf(c)],
      ],
    ],
  ]
  await client.set(`celery-taskset-meta-${id}`, JSON.stringify({ result: header }))
  await client.set(`celery-taskset-meta-${id}.s`, '2')
  const part = (taskId: string, index: number) => ({
    joinId: id,
    taskId,
    index,
    state: 'SUCCESS',
    resultJson: JSON.stringify(taskId),
    body: BODY,
  })
  return { id, a, b, c, part }
}

describe('a chord that Python opened, and whose size it lowered', () => {
  it('is complete with all that its header names, each once', async () => {
    const { id, a, b, c, part } = await openedByPython()
    expect(await joins.arrive([part(a, 0)])).toEqual([])
    expect(await joins.arrive([part(b, 1)])).toEqual([])
    expect(await joins.arrive([part(b, 1)])).toEqual([])
    const [join] = await joins.arrive([part(c, 1)])
    expect(join?.parts.map(({ result }) => result)).toEqual([a, b, c])
    expect(await joins.arrive([part(c, 1)])).toEqual([join])
    await joins.finish([id])
    expect(await joins.arrive([part(c, 1)])).toEqual([])
  })

  it('is Python’s, if Python counted the member that made it complete', async () => {
    const { id, a, b, c, part } = await openedByPython()
    await joins.arrive([part(a, 0)])
    await client.zadd(`celery-taskset-meta-${id}.j`, 1, `[1, "${b}", "SUCCESS", "${b}"]`)
    expect(await joins.arrive([part(c, 1)])).toEqual([])
  })

  it('is handed out when what Python counted in silence, or did not count, has ended', async () => {
    const { id, a, b, c, part } = await openedByPython()
    await joins.arrive([part(a, 0)])
    await joins.arrive([part(b, 1)])
    expect((await joins.due({ holdMs: 1 })).map((join) => join.id)).not.toContain(id)
    await client.set(
      `celery-task-meta-${c}`,
      JSON.stringify({
        status: 'FAILURE',
        result: { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' },
        traceback: null,
        children: [],
        task_id: c,
      }),
    )
    const mine = await until(async () => (await joins.due({ holdMs: 1 })).find((join) => join.id === id))
    expect(mine.expired).toBe(false)
    expect(mine.parts.map(({ taskId, state }) => [taskId, state])).toEqual([
      [a, 'SUCCESS'],
      [b, 'SUCCESS'],
      [c, 'FAILURE'],
    ])
    await joins.finish([id])
  })
})

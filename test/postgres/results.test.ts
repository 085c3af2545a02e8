import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { encodeJson } from '../../packages/lovage/src/message/index.js'
import { encodePickle } from '../../packages/lovage/src/pickle/index.js'
import type { ResultRecord } from '../../packages/lovage/src/result/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { describeResultBackend } from '../../packages/lovage/src/result/result-backend.suite.js'
import { record } from '../../packages/lovage/src/result/tester.suite.js'
import { type PostgresServer, startPostgres } from '../servers.js'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

let databases = 0
const newDatabase = (): Promise<string> => server.createDatabase(`results_${++databases}`)
const open = (url: string, settings: Record<string, unknown> = {}) =>
  openResultBackend(`db+${url}`, { settings, clock: systemClock, logger: silentLogger })

const postgres = {
  name: 'PostgreSQL',
  start: async () => {
    const url = await newDatabase()
    return {
      open: (settings: Record<string, unknown> = {}) => open(url, settings),
      spoil: async (id: string) => {
        const name = new URL(url).pathname.slice(1)
        await server.sql(
          `INSERT INTO celery_taskmeta (id, task_id, status, result) VALUES (nextval('task_id_sequence'), '${id}', 'SUCCESS', '\\x80054b')`,
          name,
        )
      },
      stop: async () => {},
    }
  },
}
describeResultBackend(postgres)
describeJoinStore(postgres)

describe('results in PostgreSQL', () => {
  const sql = (url: string, statement: string) => server.sql(statement, new URL(url).pathname.slice(1))

  test('make Celery’s tables with their indexes, once, by however many begin at the same moment', async () => {
    const url = await newDatabase()
    const opened = await Promise.all(
      Array.from({ length: 6 }, () => open(`${url}?application_name=${newId()}`)),
    )
    for (const backend of opened) await backend.close()
    expect(
      await sql(url, `select indexname from pg_indexes where tablename = 'celery_taskmeta' order by 1`),
    ).toEqual([
      'celery_taskmeta_pkey',
      'celery_taskmeta_task_id_key',
      'ix_celery_taskmeta_date_done',
      'ix_celery_taskmeta_status',
    ])
    expect(await sql(url, `select sequencename from pg_sequences order by 1`)).toEqual([
      'task_id_sequence',
      'taskset_id_sequence',
    ])
  })

  test('need no right to make tables where an owner has made them', async () => {
    const url = await newDatabase()
    await (await open(url)).close()
    await sql(
      url,
      `create role app login password 'app'; grant select, insert, update, delete on all tables in schema public to app; grant usage on all sequences in schema public to app`,
    )
    const guest = await open(url.replace('lovage:lovage@', 'app:app@'))
    const stored = record()
    await guest.store([stored])
    expect(await guest.get([stored.id])).toHaveLength(1)
    await guest.close()
    const stranger = url.replace('lovage:lovage@', 'app:app@').replace(/\/[^/]*$/, '/lovage')
    await expect(open(stranger)).rejects.toMatchObject({ code: 'LVG_CONNECTION_REFUSED' })
  })

  test('are Celery’s columns', async () => {
    const url = await newDatabase()
    const backend = await open(url)
    const id = newId()
    const extended = { name: 't.add', args: [1], kwargs: { y: 2 }, worker: 'w@h', retries: 1, queue: 'q' }
    await backend.store([
      record({ id, result: { a: [1] }, dateDone: '2026-11-20T20:02:48.839355+00:00', extended }),
    ])
    expect(
      await sql(
        url,
        `select id, status, encode(result, 'hex'), date_done, traceback is null, name, convert_from(args, 'utf8'),
        convert_from(kwargs, 'utf8'), worker, retries, queue from celery_taskmeta`,
      ),
    ).toEqual([
      `1|SUCCESS|${encodePickle({ a: [1] }).toString('hex')}|2026-11-20 20:02:48.839355|t|t.add|[1]|{"y":2}|w@h|1|q`,
    ])
    expect(await backend.get([id])).toMatchObject([{ dateDone: '2026-11-20T20:02:48.839355Z', extended }])
    await backend.close()
  })

  test('of one task stand in the order in which they were stored, whatever is stored beside them', async () => {
    const url = await newDatabase()
    const backend = await open(url)
    const ids = Array.from({ length: 200 }, newId)
    const storing: Promise<void>[] = []
    for (const state of ['STARTED', 'RETRY', 'STARTED', 'FAILURE'])
      for (const id of ids) storing.push(backend.store([record({ id, state, result: null })]))
    await Promise.all(storing)
    expect(new Set((await backend.get(ids)).map(({ state }) => state))).toEqual(new Set(['FAILURE']))
    await backend.close()
  })

  test('that do not fit keep no others from being stored', async () => {
    const url = await newDatabase()
    const warned = vi.fn()
    const logger = { ...silentLogger, error: warned }
    const backend = await openResultBackend(url, { settings: {}, clock: systemClock, logger })
    const [good, bad, nul] = [record(), record({ id: 'x'.repeat(200) }), record({ traceback: 'a\0b' })]
    await backend.store([good, bad, nul])
    expect(new Set((await backend.get([good.id, bad.id, nul.id])).map(({ id }) => id))).toEqual(
      new Set([good.id, nul.id]),
    )
    expect(warned).toHaveBeenCalledOnce()
    await backend.close()
  })

  test('are told at once, also when something else has written them', async () => {
    const url = await newDatabase()
    // It never looks by itself.
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const backend = await open(url)
    vi.useRealTimers()
    const id = newId()
    let stop = (): void => {}
    const told = new Promise<void>((resolve) => {
      stop = backend.watch([id], () => resolve())
    })
    // The subscription stands once another result is heard of.
    const other = record()
    await new Promise<void>((resolve) => {
      backend.watch([other.id], () => resolve())
      void backend.store([other])
    })
    await sql(
      url,
      `insert into celery_taskmeta (id, task_id, status, result) values (nextval('task_id_sequence'), '${id}', 'SUCCESS', null)`,
    )
    await told
    stop()
    await backend.close()
  })

  test('are told after their server was killed', async () => {
    const url = await newDatabase()
    const backend = await open(url)
    const id = newId()
    const told = new Promise<void>((resolve) => void backend.watch([id], () => resolve()))
    await server.restart()
    const stored: ResultRecord = { ...record({ id }), resultJson: encodeJson(1) }
    await vi.waitFor(() => backend.store([stored]), 5000)
    await told
    await backend.close()
  })
})

import { until } from 'lovage/testing'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import type { CoordinationStore } from '../../packages/lovage/src/coordination/index.js'
import { openBroker, openCoordinationStore } from '../../packages/lovage/src/drivers/index.js'
import { CountingWorker, driverOptions, idOf, publishPatiently } from '../redis/fleet.js'
import { type PostgresServer, startPostgres } from '../servers.js'

const PATIENCE = { timeoutMs: 20_000 }

let server: PostgresServer
let url: string
/** Another transaction, which comes between a statement's beginning and its end. */
let between: pg.Client
/** Looks on: within a transaction the server's activity would stand still. */
let beside: pg.Client
let count = 0

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())
beforeEach(async () => {
  url = await server.createDatabase(`races_${++count}`)
  between = new pg.Client(url)
  beside = new pg.Client(url)
  await Promise.all([between.connect(), beside.connect()])
})
afterEach(async () => {
  await Promise.all([between.end(), beside.end()])
})

/** Resolves when a statement waits for the rows that `between` holds. */
const someoneWaits = (): Promise<unknown> =>
  until(async () => {
    const { rows } = await beside.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    )
    return rows.length > 0
  }, PATIENCE)

describe('on PostgreSQL', () => {
  it('a mark that another caller is replacing is removed by either of its values', async () => {
    const store: CoordinationStore = await openCoordinationStore(url, driverOptions())
    try {
      await store.put('unique', [{ key: 'k', value: 'id pending' }])
      await between.query('BEGIN')
      await between.query(`UPDATE lovage_mark SET value = 'id'`)
      const removed = store.remove('unique', [
        { key: 'k', value: 'id' },
        { key: 'k', value: 'id pending' },
      ])
      await someoneWaits()
      await between.query('COMMIT')
      expect(await removed).toBe(1)
      expect(await store.list('unique')).toEqual([])
    } finally {
      await store.close()
    }
  })

  it('a holder that renews its lease while the dead are looked for keeps its claims', async () => {
    const producer: Broker = await openBroker(url, driverOptions())
    const workers: CountingWorker[] = []
    const start = async (acks: boolean): Promise<CountingWorker> => {
      const worker = await CountingWorker.start(url, { acks, leaseMs: 1_000, slots: 1 })
      workers.push(worker)
      return worker
    }
    try {
      await publishPatiently(producer, ['first'])
      await beside.query(`INSERT INTO lovage_holder VALUES ('0', lovage_now() + 600000)`)
      await beside.query(`UPDATE lovage_message SET state = 2, holder = '0', claim = 1`)
      await publishPatiently(producer, ['held'])
      const living = await start(false)
      await until(() => living.deliveries.length === 1, PATIENCE)
      const others = await start(true)
      // The row of the one that dies is met first, and waited for.
      await between.query('BEGIN')
      await between.query(`SELECT FROM lovage_message WHERE holder = '0' FOR UPDATE`)
      await beside.query(`UPDATE lovage_holder SET expires_ms = 0 WHERE holder = '0'`)
      await someoneWaits()
      const { rows } = await beside.query(
        `SELECT expires_ms FROM lovage_holder JOIN lovage_message USING (holder) WHERE holder <> '0'`,
      )
      // The lease that was there when the statement began has run out.
      await until(async () => {
        const { rows: now } = await beside.query('SELECT lovage_now() AS ms')
        return Number(now[0]?.ms) > Number(rows[0]?.expires_ms)
      }, PATIENCE)
      await between.query('COMMIT')
      await until(() => others.deliveries.length > 0, PATIENCE)
      await others.consumer.pause()
      expect(others.deliveries.map(idOf)).toEqual(['first'])
      await living.consumer.settle(living.deliveries.map(({ tag }) => ({ kind: 'ack', tag })))
      expect(await server.sql('SELECT id FROM lovage_message', url.split('/').at(-1))).toEqual([])
    } finally {
      await Promise.all(workers.map((worker) => worker.close()))
      await producer.close()
    }
  })
})

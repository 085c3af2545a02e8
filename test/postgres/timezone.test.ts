import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openPostgres } from '../../packages/lovage/src/drivers/postgres/client/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import type { ResultBackend, ResultRecord } from '../../packages/lovage/src/result/index.js'
import { type PostgresServer, runPython, startPostgres } from '../servers.js'

const HOUR_MS = 3_600_000

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

function recordOf(agoMs: number): ResultRecord {
  const dateDone = new Date(Date.now() - agoMs).toISOString()
  const none = { traceback: null, children: [], result: 1, resultJson: '1' }
  return { id: newId(), state: 'SUCCESS', dateDone, ...none }
}

async function zoned(zone: string): Promise<{ url: string; results: ResultBackend }> {
  const name = `zone_${zone.replace(/\W/g, '_').toLowerCase()}`
  const url = await server.createDatabase(name)
  const database = openPostgres(url, { isolated: true })
  await database.query(`ALTER DATABASE ${name} SET timezone TO '${zone}'`)
  await database.close()
  const results = await openResultBackend(url, { settings: {}, clock: systemClock, logger: silentLogger })
  return { url, results }
}

describe.each(['America/New_York', 'Asia/Tokyo', 'UTC'])('results on a server whose zone is %s', (zone) => {
  test('are kept and removed by the clean-up of either language at their own age', async () => {
    const { url, results } = await zoned(zone)
    try {
      const [fresh, old] = [recordOf(0), recordOf(2 * HOUR_MS)]
      await results.store([fresh, old])
      const python = { broker: 'memory://', backend: `db+${url}` }
      await runPython(
        'from datetime import timedelta\napp.backend.expires = timedelta(hours=1)\napp.backend.cleanup()',
        python,
      )
      expect((await results.get([fresh.id, old.id])).map(({ id }) => id)).toEqual([fresh.id])

      // As Celery 5.4 writes it: a time with its zone, into a column without one.
      const insert = `
        import psycopg2, datetime
        connection = psycopg2.connect(${JSON.stringify(url)})
        now = datetime.datetime.now(datetime.timezone.utc)
        for id, done in (('python-fresh', now), ('python-old', now - datetime.timedelta(hours=2))):
            connection.cursor().execute("INSERT INTO celery_taskmeta (id, task_id, status, date_done) VALUES (nextval('task_id_sequence'), %s, 'SUCCESS', %s)", (id, done))
        connection.commit()`
      await runPython(insert)
      const [theirs] = await results.get(['python-fresh'])
      expect(Math.abs(Date.parse(theirs?.dateDone ?? '') - Date.now())).toBeLessThan(60_000)
      const [ours] = await results.get([fresh.id])
      expect(Date.parse(ours?.dateDone ?? '')).toBe(Date.parse(fresh.dateDone ?? ''))
      expect(await results.prune(Date.now() - HOUR_MS)).toBe(1)
      const left = await results.get([fresh.id, 'python-fresh', 'python-old'])
      expect(left.map(({ id }) => id).sort()).toEqual([fresh.id, 'python-fresh'].sort())
    } finally {
      await results.close()
    }
  })
})

// The fastest queue that can be written in a SQLite file: prepared statements in the process's own thread, one transaction for what has
// ended, its results and the next 1,000.
import { createRequire } from 'node:module'
import { envelope, idIn, metaOf } from '../envelope.mjs'

// The engine's own copy of its library.
const Database = createRequire(new URL('../../packages/lovage/package.json', import.meta.url))('libsql')

export const name = 'Bare driver'
export const concurrency = 1000

export async function open({ url, results }) {
  const { pathname, searchParams } = new URL(url)
  const db = new Database(pathname)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${searchParams.get('synchronous') ?? 'normal'};
    CREATE TABLE bare_messages (id INTEGER PRIMARY KEY, raw TEXT NOT NULL, is_held INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX bare_ready ON bare_messages (id) WHERE is_held = 0;
    CREATE TABLE bare_results (task_id TEXT PRIMARY KEY, meta TEXT NOT NULL) WITHOUT ROWID;`)
  const insert = db.prepare('INSERT INTO bare_messages (raw) VALUES (?)')
  const next = db.prepare(
    'UPDATE bare_messages SET is_held = 1 WHERE id IN (SELECT id FROM bare_messages WHERE is_held = 0 ORDER BY id LIMIT ?) RETURNING id, raw',
  )
  const end = db.prepare('DELETE FROM bare_messages WHERE id = ?')
  const store = db.prepare('INSERT OR REPLACE INTO bare_results VALUES (?, ?)')
  const publish = db.transaction((count) => {
    for (let sent = 0; sent < count; sent++) insert.run(envelope())
  })
  const turn = db.transaction((rows, doneAt) => {
    for (const { id, raw } of rows) {
      end.run(id)
      if (!results) continue
      const task = idIn(raw)
      store.run(task, metaOf(task, doneAt))
    }
    return next.all(concurrency)
  })
  let isWorking = false
  return {
    publish: async (count) => publish(count),
    one: async () => publish(1),
    async work(on) {
      isWorking = true
      let rows = []
      while (isWorking) {
        const ended = rows
        rows = turn(ended, new Date().toISOString())
        for (const _ of rows) on()
        await new Promise((resolve) =>
          rows.length === 0 && ended.length === 0 ? setTimeout(resolve, 5) : setImmediate(resolve),
        )
      }
    },
    async close() {
      isWorking = false
      db.close()
    },
  }
}

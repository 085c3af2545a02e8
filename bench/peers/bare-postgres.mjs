// The fastest queue that can be written in PostgreSQL with the guarantees of ours: one prepared statement inserts an array; one statement
// deletes what has ended, stores its results, and marks the next 500; two of them are under way at once.
import pg from 'pg'
import { envelope, idIn, metaOf } from '../envelope.mjs'

export const name = 'Bare driver'
export const concurrency = 500
const TURNS = 2

const TABLES = `
CREATE TABLE bare_messages (id bigserial PRIMARY KEY, raw text NOT NULL, is_held boolean NOT NULL DEFAULT false) WITH (fillfactor = 50);
CREATE INDEX bare_ready ON bare_messages (id) WHERE NOT is_held;
CREATE TABLE bare_results (task_id text PRIMARY KEY, meta text NOT NULL)`
const PUBLISH = {
  name: 'publish',
  text: 'INSERT INTO bare_messages (raw) SELECT unnest($1::text[])',
}
const TURN = {
  name: 'turn',
  text: `WITH ended AS (DELETE FROM bare_messages WHERE id = ANY($1::bigint[])),
    stored AS (INSERT INTO bare_results SELECT * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING)
    UPDATE bare_messages SET is_held = true
    WHERE id = ANY(ARRAY(SELECT id FROM bare_messages WHERE NOT is_held ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED))
    RETURNING id, raw`,
}

export async function open({ url, results }) {
  const pool = new pg.Pool({ connectionString: url, max: TURNS })
  await pool.query(TABLES)
  const publish = (count) => pool.query({ ...PUBLISH, values: [Array.from({ length: count }, envelope)] })
  let isWorking = false

  async function lane(on) {
    let ended = []
    let ids = []
    let metas = []
    while (isWorking) {
      const { rows } = await pool.query({ ...TURN, values: [ended, ids, metas, concurrency] })
      const hadEnded = ended.length
      ended = rows.map(({ id }) => id)
      if (results) {
        const doneAt = new Date().toISOString()
        ids = rows.map(({ raw }) => idIn(raw))
        metas = ids.map((id) => metaOf(id, doneAt))
      }
      for (const _ of rows) on()
      if (rows.length === 0 && hadEnded === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  return {
    publish,
    one: () => publish(1),
    async work(on) {
      isWorking = true
      await Promise.all(Array.from({ length: TURNS }, () => lane(on)))
    },
    async close() {
      isWorking = false
      await pool.end()
    },
  }
}

import type { RollupChange } from '../rollup.js'
import { keyAt, recordOf, TASK_COLUMNS, TASK_SELECT, type TaskRow, valuesOf } from '../task-columns.js'
import { mergeRecords, type TaskRecord } from '../task-record.js'
import { ChangedBlocks } from './blocks.js'
import type { Session } from './database.js'

const HOUR_MS = 3_600_000
const COLUMNS = TASK_COLUMNS.map(([column]) => column)
const PUT = `INSERT INTO task (${TASK_SELECT})
  SELECT ${TASK_SELECT} FROM json_populate_recordset(NULL::task, $1)
  ON CONFLICT (key) DO UPDATE SET ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}`

/** Adds records to the tasks, in an exclusive transaction. */
export async function putTasks(
  session: Session,
  records: readonly TaskRecord[],
  seenMs: number,
): Promise<void> {
  if (records.length === 0) return
  const known = new Map(
    (
      await session.query<TaskRow>(`SELECT ${TASK_SELECT} FROM task WHERE id = ANY($1)`, [
        records.map(({ id }) => id),
      ])
    ).map((row) => [row[1], row]),
  )
  const [newest] = await session.query<[number | null]>('SELECT max(key) FROM task')
  let lastKey = newest?.[0] ?? 0
  const blocks = await ChangedBlocks.begin(session)
  const rows: Readonly<Record<string, unknown>>[] = []
  for (const record of records) {
    const row = known.get(record.id)
    if (!row) {
      lastKey = Math.max(lastKey + 1, keyAt(seenMs))
      rows.push(rowOf(lastKey, valuesOf(record)))
      blocks.add(lastKey, record)
      continue
    }
    const before = recordOf(row)
    const merged = mergeRecords(before, record)
    const values = valuesOf(merged)
    if (values.every((value, place) => value === row[place + 1])) continue
    rows.push(rowOf(row[0], values))
    await blocks.change(row[0], merged, before)
  }
  if (rows.length > 0) await session.query(PUT, [JSON.stringify(rows)])
  await blocks.save()
}

/** PostgreSQL text cannot hold a zero byte or a lone surrogate. */
const storable = (text: string): string =>
  Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\u{fffd}')

function rowOf(key: number, values: readonly (string | number | null)[]): Readonly<Record<string, unknown>> {
  const clean = values.map((value) => (typeof value === 'string' ? storable(value) : value))
  return Object.fromEntries([['key', key], ...COLUMNS.map((column, place) => [column, clean[place] ?? null])])
}

/** Adds counts, by minute and by hour. */
export async function addCounts(session: Session, changes: readonly RollupChange[]): Promise<void> {
  if (changes.length === 0) return
  const sums = new Map<
    string,
    {
      step: string
      ms: number
      name: string
      kind: string
      count: number
      runtime_ms: number
      max_runtime_ms: number
    }
  >()
  for (const { minuteMs, name, kind, count, runtimeMs, maxRuntimeMs } of changes)
    for (const [step, ms] of [
      ['minute', minuteMs],
      ['hour', minuteMs - (minuteMs % HOUR_MS)],
    ] as const) {
      const key = JSON.stringify([step, ms, name, kind])
      const sum = sums.get(key)
      sums.set(key, {
        step,
        ms,
        name: storable(name),
        kind: storable(kind),
        count: (sum?.count ?? 0) + count,
        runtime_ms: (sum?.runtime_ms ?? 0) + runtimeMs,
        max_runtime_ms: Math.max(sum?.max_runtime_ms ?? 0, maxRuntimeMs),
      })
    }
  await session.query(
    `INSERT INTO rollup (step, ms, name, kind, count, runtime_ms, max_runtime_ms)
     SELECT step, ms, name, kind, count, runtime_ms, max_runtime_ms FROM json_populate_recordset(NULL::rollup, $1)
     ON CONFLICT (step, ms, name, kind) DO UPDATE SET count = rollup.count + excluded.count,
       runtime_ms = rollup.runtime_ms + excluded.runtime_ms, max_runtime_ms = greatest(rollup.max_runtime_ms, excluded.max_runtime_ms)`,
    [JSON.stringify([...sums.values()])],
  )
}

import { together } from 'lovage'
import { data } from '../data.js'

/** What was seen at one time. */
export interface Snapshot {
  /** 0 = nobody answered. */
  readonly status: number
  readonly duration_ms: number
  readonly bytes: number
  readonly changed: boolean
  /** Lines with `+` and `-` before them. */
  readonly difference: string | null
}

interface Key {
  readonly id: string
  readonly monitor_id: string
}

interface Kept extends Key, Snapshot {
  readonly taken_ms: number
  readonly hash: string
  readonly text: string
}

/** Pages may have megabytes; one that cannot be kept harms no other. */
const ALONE = { most: 50, retryAlone: true }

/** The newest snapshot of a monitor but that of this id; those that are looked for at the same time are one query. */
export const lastSnapshot = together(
  async (asked: readonly Key[]): Promise<readonly (Pick<Kept, 'id' | 'status' | 'hash'> | undefined)[]> => {
    const db = await data()
    const rows = await db.query(
      `WITH asked (id, monitor_id) AS (VALUES ${placesOf(asked.length, 2)})
       SELECT asked.id AS asked_id, snapshots.id, status, hash FROM asked JOIN snapshots ON snapshots.id =
         (SELECT id FROM snapshots AS one WHERE one.monitor_id = asked.monitor_id AND one.id <> asked.id ORDER BY taken_ms DESC, id DESC LIMIT 1)`,
      asked.flatMap(({ id, monitor_id }) => [id, monitor_id]),
    )
    const found = new Map(
      rows.map(({ asked_id, id, status, hash }) => [
        asked_id,
        { id: String(id), status: Number(status), hash: String(hash) },
      ]),
    )
    return asked.map(({ id }) => found.get(id))
  },
  ALONE,
)

/** What a page said then. Most pages say the same again, and this need not be read. */
export async function textOf(snapshotId: string): Promise<string> {
  const [row] = await (await data()).query('SELECT text FROM snapshots WHERE id = $1', [snapshotId])
  return String(row?.text ?? '')
}

/** Keeps a snapshot; again under its id, nothing. Those that come while others are written are one statement, and one commit. */
export const keepSnapshot = together(async (snapshots: readonly Kept[]) => {
  const db = await data()
  await db.query(
    `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed, difference)
     VALUES ${placesOf(snapshots.length, 10)} ON CONFLICT (id) DO NOTHING`,
    snapshots.flatMap((one) => [
      one.id,
      one.monitor_id,
      one.taken_ms,
      one.status,
      one.duration_ms,
      one.bytes,
      one.hash,
      one.text,
      one.changed ? 1 : 0,
      one.difference,
    ]),
  )
  return snapshots
}, ALONE)

/** `($1, $2), ($3, $4)` */
function placesOf(rows: number, columns: number): string {
  const row = (at: number): string =>
    `(${Array.from({ length: columns }, (_, column) => `$${at * columns + column + 1}`).join(', ')})`
  return Array.from({ length: rows }, (_, at) => row(at)).join(', ')
}

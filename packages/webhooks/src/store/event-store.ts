import { createHash } from 'node:crypto'
import { type Endpoint, newId, WebhookError, type WebhookEvent } from '../domain/index.js'
import type { SqlDatabase, SqlSession, SqlTransaction, SqlValue } from './database/database.js'
import { readStatements } from './database/statements.js'
import { dayOf } from './days.js'
import { limitOf, listingOf } from './listing.js'
import type { NewEvent } from './new-event.js'
import { NOTICE_TYPES } from './notice.js'
import type { EventStore, WrittenEvent } from './webhook-store.js'

const SQL = readStatements(new URL('./sql/events.sql', import.meta.url), [
  'insert',
  'insertBody',
  'existing',
  'get',
  'body',
  'deliveriesOf',
  'subscribers',
  'named',
  'insertDeliveries',
  'list',
  'listOfTypes',
  'takeCommitted',
])
const COMMIT_CHANNEL = 'lovage_webhooks'

interface EventRow {
  readonly tenant: string
  readonly id: string
  readonly type: string
  readonly ordering_key: string | null
  readonly dedup_key: string | null
  readonly body_bytes: number
  readonly body_hash: string
  readonly day: number
  readonly created_at: number
}

interface Subscriber {
  readonly id: string
  readonly is_enabled: number
  readonly settings: string
}

/** Events in SQL. */
export function eventStore(database: SqlDatabase): EventStore {
  return {
    insert: (events, transaction) =>
      transaction
        ? insertEvents(database, database.within(transaction), events, true)
        : database.transaction((session) => insertEvents(database, session, events, false)),

    async get(tenant, id) {
      const [row] = await database.query<EventRow>(SQL.get, [tenant, id])
      return row && toEvent(row)
    },

    async body(tenant, id) {
      const [row] = await database.query<EventRow>(SQL.get, [tenant, id])
      if (!row) return undefined
      const [found] = await database.query<{ body: Uint8Array }>(SQL.body, [row.day, tenant, id])
      return found?.body
    },

    async list({ tenant, types, sinceMs = 0, untilMs, limit, after }) {
      const most = limitOf(limit)
      // A page's cursor is the time and id of its last item, because callers' ids do not sort by time.
      const [time = '', id = '~'] = after === undefined ? [] : after.split('~')
      const before = Math.min(
        after === undefined ? Number.MAX_SAFE_INTEGER : Number(time),
        untilMs ?? Number.MAX_SAFE_INTEGER,
      )
      const values = [tenant, before, before === Number(time) ? id : '', sinceMs, most + 1]
      const rows = await (types === undefined
        ? database.query<EventRow>(SQL.list, values)
        : database.query<EventRow>(SQL.listOfTypes, [...values, types]))
      return listingOf(rows.map(toEvent), most, (event) => `${event.createdAtMs}~${event.id}`)
    },
  }
}

/**
 * Writes events with their bodies and deliveries. In a caller's transaction, the deliveries are marked as having no task yet, for the
 * worker that sees them committed (`takeCommitted`).
 */
export async function insertEvents(
  database: Pick<SqlDatabase, 'kind'>,
  session: SqlSession | SqlTransaction,
  events: readonly NewEvent[],
  isCallers: boolean,
): Promise<readonly WrittenEvent[]> {
  if (events.length === 0) return []
  // A caller's client may take one statement at a time only.
  const run = async (statement: string, values: readonly SqlValue[]): Promise<void> => {
    if ('later' in session) session.later(statement, values)
    else await session.query(statement, values)
  }
  const rows = events.map(rowOf)
  const inserted = new Set(
    (await session.query<{ tenant: string; id: string }>(SQL.insert, [JSON.stringify(rows)])).map(keyOf),
  )
  const written: WrittenEvent[] = []
  const deliveries: Record<string, unknown>[] = []
  const subscribers = new Map<string, readonly Subscriber[]>()
  for (const [index, event] of events.entries()) {
    const row = rows[index]
    if (!row) continue
    // Of duplicates in this list, the first is the new one.
    if (!inserted.delete(keyOf(event))) {
      written.push(await duplicateOf(session, event, row.body_hash))
      continue
    }
    await run(SQL.insertBody, [row.day, event.tenant, event.id, event.body])
    const own = (await subscribersOf(session, subscribers, event)).flatMap((subscriber) =>
      deliveryRow(event, row.day, subscriber, isCallers),
    )
    deliveries.push(...own)
    written.push({
      event: toEvent(row),
      deliveryIds: own.map(({ id }) => id),
      dueIds: own.filter(({ state }) => state === 'pending').map(({ id }) => id),
      isDuplicate: false,
    })
  }
  if (deliveries.length > 0) await run(SQL.insertDeliveries, [JSON.stringify(deliveries)])
  if (isCallers && database.kind === 'postgres' && deliveries.length > 0)
    await session.query(`SELECT pg_notify('${COMMIT_CHANNEL}', '')`)
  return written
}

/** Takes deliveries that were committed without a task: the taker publishes their tasks, or the sweeper does later. */
export async function takeCommitted(
  session: SqlSession,
  nowMs: number,
  limit: number,
): Promise<readonly string[]> {
  return (await session.query<{ id: string }>(SQL.takeCommitted, [nowMs, limit])).map(({ id }) => id).sort()
}

async function duplicateOf(session: SqlSession, event: NewEvent, hash: string): Promise<WrittenEvent> {
  const rows = await session.query<EventRow>(SQL.existing, [event.tenant, event.id, event.dedupKey])
  const same = rows.find(({ id }) => id === event.id)
  if (same && (same.body_hash !== hash || same.type !== event.type))
    throw new WebhookError(`There is an event ${event.id} already, with another body or type.`, {
      code: 'LVG_WEBHOOK_CONFLICT',
      field: 'id',
      details: { id: event.id },
    })
  const row = same ?? rows[0]
  if (!row)
    throw new WebhookError(
      `Event ${event.id} is being written by another transaction that this one cannot see.`,
      {
        code: 'LVG_WEBHOOK_CONFLICT',
        field: 'id',
        hint: 'Run the transaction again.',
      },
    )
  const deliveries = await session.query<{ id: string; state: string }>(SQL.deliveriesOf, [
    event.tenant,
    row.id,
  ])
  return { event: toEvent(row), deliveryIds: deliveries.map(({ id }) => id), dueIds: [], isDuplicate: true }
}

async function subscribersOf(
  session: SqlSession,
  known: Map<string, readonly Subscriber[]>,
  { tenant, type, endpointIds }: NewEvent,
): Promise<readonly Subscriber[]> {
  if (endpointIds) return session.query<Subscriber>(SQL.named, [tenant, endpointIds])
  const key = JSON.stringify([tenant, type])
  const found =
    known.get(key) ?? (await session.query<Subscriber>(SQL.subscribers, [tenant, patternsFor(type)]))
  known.set(key, found)
  return found
}

/** The patterns that match a type: the type, `order.*` for all below `order.`, `*`. Notices go only to endpoints that name them. */
function patternsFor(type: string): readonly string[] {
  const parts = type.split('.')
  const above = parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.*`)
  const isNotice = NOTICE_TYPES.some((notice) => notice === type)
  return [type, ...above, ...(isNotice ? [] : ['*'])]
}

function deliveryRow(
  event: NewEvent,
  day: number,
  { id, is_enabled, settings }: Subscriber,
  isCallers: boolean,
) {
  // Only the endpoint store writes the column.
  const { order, storesWhileDisabled } = JSON.parse(settings) as Endpoint
  const isEnabled = is_enabled === 1
  if (!isEnabled && !storesWhileDisabled) return []
  const row = {
    id: newId('dlv', event.createdAtMs),
    tenant: event.tenant,
    event_id: event.id,
    endpoint_id: id,
    event_type: event.type,
    // Only where order matters, so that the index of ordered deliveries stays small.
    ordering_key: order === 'key' ? event.orderingKey : null,
    state: isEnabled ? 'pending' : 'held',
    waits_for: isEnabled && isCallers ? 'commit' : null,
    due_at: isEnabled ? event.createdAtMs : null,
    is_test: event.isTest ? 1 : 0,
    day,
    event_at: event.createdAtMs,
  }
  return [row]
}

const keyOf = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string =>
  JSON.stringify([tenant, id])

const rowOf = (event: NewEvent): EventRow => ({
  tenant: event.tenant,
  id: event.id,
  type: event.type,
  ordering_key: event.orderingKey,
  dedup_key: event.dedupKey,
  body_bytes: event.body.length,
  body_hash: createHash('sha256').update(event.body).digest('base64'),
  day: dayOf(event.createdAtMs),
  created_at: event.createdAtMs,
})

const toEvent = (row: EventRow): WebhookEvent => ({
  id: row.id,
  tenant: row.tenant,
  type: row.type,
  orderingKey: row.ordering_key,
  dedupKey: row.dedup_key,
  bodyBytes: row.body_bytes,
  createdAtMs: row.created_at,
})

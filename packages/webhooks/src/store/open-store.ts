import { readFileSync } from 'node:fs'
import { WebhookError } from '../domain/index.js'
import { DEFAULT_LANE_RULES, type LaneRules } from '../lane/index.js'
import { cleanup } from './cleanup.js'
import { PostgresDatabase } from './database/postgres-database.js'
import { SqliteDatabase } from './database/sqlite-database.js'
import { dayOf } from './days.js'
import { deliveryStore } from './delivery-store.js'
import { documentStore } from './document-store.js'
import { endpointStore } from './endpoint-store.js'
import { eventStore, takeCommitted } from './event-store.js'
import { makeDays } from './partitions.js'
import { watchCommits } from './watch-committed.js'
import type { WebhookStore } from './webhook-store.js'

/** The options for opening a store. */
export interface OpenStoreOptions {
  readonly rules?: LaneRules
  readonly now?: () => number
  /** PostgreSQL connections of this process. Default 8. */
  readonly connections?: number
}

const script = (name: string): string => readFileSync(new URL(`./sql/${name}`, import.meta.url), 'utf8')
const COMMITTED_AT_ONCE = 500

/**
 * Opens `postgresql://…` or `sqlite:///path`, and migrates its tables; any number of processes may do so at once.
 * @throws {WebhookError} LVG_WEBHOOK_SETUP, LVG_WEBHOOK_STORE.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<WebhookStore> {
  const { rules = DEFAULT_LANE_RULES, now = Date.now, connections = 8 } = options
  const database = await openDatabase(url, connections, now)
  return {
    kind: database.kind,
    shownUrl: database.shownUrl,
    endpoints: endpointStore(database),
    events: eventStore(database),
    deliveries: deliveryStore(database, rules),
    documents: documentStore(database),
    cleanup: (beforeMs, nowMs) => cleanup(database, beforeMs, nowMs),
    watchCommitted: (onDue) =>
      watchCommits(database, async () => {
        for (;;) {
          const ids = await takeCommitted(database, now(), COMMITTED_AT_ONCE)
          if (ids.length > 0) await onDue(ids)
          if (ids.length < COMMITTED_AT_ONCE) return
        }
      }),
    close: () => database.close(),
  }
}

async function openDatabase(
  url: string,
  connections: number,
  now: () => number,
): Promise<PostgresDatabase | SqliteDatabase> {
  if (/^sqlite:/.test(url)) {
    const database = new SqliteDatabase(url.replace(/^sqlite:(\/\/)?/, ''))
    await database.migrate([script('sqlite-1.sql'), script('sqlite-2.sql')])
    return database
  }
  if (!/^postgres(ql)?(\+\w+)?:/.test(url))
    throw new WebhookError(
      `Webhooks are stored in postgresql:// or sqlite://, not in ${url.split(':')[0]}:.`,
      {
        code: 'LVG_WEBHOOK_SETUP',
        field: 'store',
      },
    )
  const database = new PostgresDatabase(url, connections)
  try {
    await database.migrate([script('postgres-1.sql'), script('postgres-2.sql')])
    await database.transaction((session) => makeDays(session, dayOf(now())))
  } catch (error) {
    await database.close()
    throw error
  }
  return database
}

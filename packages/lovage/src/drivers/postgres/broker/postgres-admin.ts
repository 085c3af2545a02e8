import type { Binding, DepthOptions, QueueAdmin, QueueDepth, QueuedMessage } from '../../../broker/index.js'
import { withEta } from '../../../envelope/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import { readSql } from '../../../process/index.js'
import type { PostgresDatabase, PostgresValue } from '../client/index.js'
import type { PostgresDoorbell } from './postgres-doorbell.js'
import type { PostgresRouting } from './postgres-routing.js'

const sql = readSql(new URL('./admin.sql', import.meta.url), [
  'depths',
  'due',
  'queues',
  'bindings',
  'purge',
  'browse',
  'move',
  'find',
  'remove',
  'reschedule',
])

const STATES = ['ready', 'delayed', 'unacked'] as const

interface BrowsedRow {
  readonly id: number
  readonly task_id: string | null
  readonly task: string | null
  readonly state: number
  readonly due_ms: number
  readonly holder: string | null
  readonly redeliveries: number
  readonly raw: string
}

/** Queue administration of a database. A page starts at a position, so it shifts while others consume. */
export class PostgresAdmin implements QueueAdmin {
  readonly #database: PostgresDatabase
  readonly #routing: PostgresRouting
  readonly #doorbell: PostgresDoorbell

  constructor(database: PostgresDatabase, routing: PostgresRouting, doorbell: PostgresDoorbell) {
    this.#database = database
    this.#routing = routing
    this.#doorbell = doorbell
  }

  async queues(): Promise<readonly string[]> {
    return (await this.#database.query<{ name: string }>(sql.queues)).map(({ name }) => name)
  }

  bindings(): Promise<readonly Binding[]> {
    return this.#database.query<Binding>(sql.bindings)
  }

  async browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>> {
    const { limit = 100, after, state } = page
    const offset = Number(after ?? 0)
    const rows = await this.#database.query<BrowsedRow>(sql.browse, [
      queue,
      state === undefined ? null : STATES.indexOf(state),
      limit + 1,
      offset,
    ])
    const items = rows.slice(0, limit).map((row) => view(queue, row))
    return rows.length > limit ? { items, next: String(offset + limit) } : { items }
  }

  async move(from: string, to: string): Promise<number> {
    await this.#routing.know([to])
    for (let moved = 0; ; ) {
      const batch = await this.#count(sql.move, [from, to])
      moved += batch
      this.#doorbell.ring({ queues: [to] })
      if (batch === 0) return moved
    }
  }

  async find(ids: readonly string[]): Promise<readonly QueuedMessage[]> {
    return (await this.#find(ids)).map((row) => view(row.queue, row))
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#count(sql.remove, [ids])
  }

  async promote(ids: readonly string[], dueMs?: number): Promise<number> {
    const rows = (await this.#find(ids)).filter(({ state }) => STATES[state] !== 'unacked')
    if (rows.length === 0) return 0
    const count = await this.#count(sql.reschedule, [
      rows.map(({ id }) => id),
      rows.map(({ raw }) => raw),
      rows.map(({ raw }) => withEta(raw, dueMs)),
      dueMs ?? 0,
    ])
    this.#doorbell.ring({ dueMs: dueMs ?? 0 })
    return count
  }

  purge(queue: string): Promise<number> {
    return this.#count(sql.purge, [queue])
  }

  async depths(
    queues: readonly string[],
    { dueByMs }: DepthOptions = {},
  ): Promise<ReadonlyMap<string, QueueDepth>> {
    const counts = new Map(queues.map((name) => [name, [0, 0, 0]]))
    const rows = await this.#database.query<{ queue: string; state: number; count: number }>(sql.depths, [
      queues,
    ])
    for (const { queue, state, count } of rows) counts.get(queue)?.splice(state, 1, count)
    const due = dueByMs === undefined ? undefined : await this.#due(queues, dueByMs)
    return new Map(
      [...counts].map(([name, [ready = 0, delayed = 0, unacked = 0]]) => [
        name,
        { ready, delayed, unacked, ...(due ? { due: due.get(name) ?? 0 } : {}) },
      ]),
    )
  }

  async #due(queues: readonly string[], dueByMs: number): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#database.query<{ queue: string; count: number }>(sql.due, [queues, dueByMs])
    return new Map(rows.map(({ queue, count }) => [queue, count]))
  }

  #find(ids: readonly string[]): Promise<readonly (BrowsedRow & { readonly queue: string })[]> {
    return this.#database.query(sql.find, [ids])
  }

  async #count(statement: string, values: readonly PostgresValue[]): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(statement, values)
    return row?.count ?? 0
  }
}

function view(queue: string, row: BrowsedRow): QueuedMessage {
  const state = STATES[row.state] ?? 'ready'
  return {
    id: row.task_id ?? String(row.id),
    queue,
    state,
    raw: row.raw,
    ...(row.task === null ? {} : { task: row.task }),
    ...(state === 'delayed' ? { dueMs: row.due_ms } : {}),
    ...(row.holder === null ? {} : { holder: row.holder }),
    redeliveries: row.redeliveries,
  }
}

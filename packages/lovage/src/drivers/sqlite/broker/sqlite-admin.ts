import type { Binding, QueueAdmin, QueuedMessage } from '../../../broker/index.js'
import { withEta } from '../../../envelope/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import { toBytes } from '../file/index.js'
import type { MessageProcedures } from './procedures.js'

const STATES = ['ready', 'delayed', 'unacked'] as const

/** Queue administration of a file. A page starts at a position, so it shifts while others consume. */
export class SqliteAdmin implements QueueAdmin {
  readonly #procedures: MessageProcedures

  constructor(procedures: MessageProcedures) {
    this.#procedures = procedures
  }

  queues(): Promise<readonly string[]> {
    return this.#procedures.call('queues', undefined)
  }

  bindings(): Promise<readonly Binding[]> {
    return this.#procedures.call('bindings', undefined)
  }

  async browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>> {
    const { limit = 100 } = page
    const offset = Number(page.after ?? 0)
    const state = page.state === undefined ? null : STATES.indexOf(page.state)
    const rows = await this.#procedures.call('browse', { queue, state, limit: limit + 1, offset })
    const items = rows
      .slice(0, limit)
      .map(([seq, taskId, task, at, dueMs, raw, holder, redeliveries]) =>
        view(queue, taskId ?? String(seq), { task, at, dueMs, raw, holder, redeliveries }),
      )
    return rows.length > limit ? { items, next: String(offset + limit) } : { items }
  }

  move(from: string, to: string): Promise<number> {
    return this.#procedures.call('move', { from, to })
  }
  async find(ids: readonly string[]): Promise<readonly QueuedMessage[]> {
    const rows = await this.#procedures.call('find', ids)
    return rows.map(([queue, seq, , taskId, task, at, dueMs, raw, holder, redeliveries]) =>
      view(queue, taskId ?? String(seq), { task, at, dueMs, raw, holder, redeliveries }),
    )
  }
  remove(ids: readonly string[]): Promise<number> {
    return this.#procedures.call('remove', ids)
  }
  async promote(ids: readonly string[], dueMs?: number): Promise<number> {
    const rows = await this.#procedures.call('find', ids)
    return this.#procedures.call(
      'reschedule',
      rows.map(([, seq, claims, , , , , raw]) => ({
        seq,
        claims,
        dueMs: dueMs ?? 0,
        raw: withEta(toBytes(raw).toString(), dueMs),
      })),
    )
  }
}

interface Facts {
  readonly task: string | null
  readonly at: number
  readonly dueMs: number
  readonly raw: string | ArrayBuffer
  readonly holder: string | null
  readonly redeliveries: number
}

function view(
  queue: string,
  id: string,
  { task, at, dueMs, raw, holder, redeliveries }: Facts,
): QueuedMessage {
  const state = STATES[at] ?? 'ready'
  return {
    id,
    queue,
    state,
    raw: toBytes(raw),
    ...(task === null ? {} : { task }),
    ...(state === 'delayed' ? { dueMs } : {}),
    ...(holder === null ? {} : { holder }),
    redeliveries,
  }
}

import type { Unsubscribe } from '../../../kernel/index.js'
import type { PostgresDatabase } from '../client/index.js'
import { sql } from './statements.js'

const CHANNEL = 'lovage_messages'
/** A notification holds 8000 bytes; a list of queues that does not fit stands for any queue. */
const LONGEST = 7_000

/** A ring's content: queues with ready messages, and when a delayed one is due; empty = anything may be ready. */
export interface Ring {
  readonly queues?: readonly string[]
  /** Unix ms. */
  readonly dueMs?: number
}

/** A ring as a notification's payload. */
export function ringPayload({ queues = [], dueMs }: Ring): string {
  const payload = JSON.stringify({
    ...(queues.length > 0 ? { q: queues } : {}),
    ...(dueMs === undefined ? {} : { d: dueMs }),
  })
  return Buffer.byteLength(payload) > LONGEST ? '' : payload
}

/**
 * Notifies consumers of new messages, after the fact and separately: a ring lost with its process, or with
 * the connection, is made up for by the consumers' poll.
 */
export class PostgresDoorbell {
  readonly #database: PostgresDatabase
  readonly #queues = new Set<string>()
  #dueMs: number | undefined
  #isRinging = false

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  /** Rings soon; changes reported while a ring is in flight go with the next. */
  ring({ queues = [], dueMs }: Ring): void {
    for (const queue of queues) this.#queues.add(queue)
    if (dueMs !== undefined) this.#dueMs = Math.min(this.#dueMs ?? dueMs, dueMs)
    if (!this.#isRinging && (this.#queues.size > 0 || this.#dueMs !== undefined)) void this.#run()
  }

  listen(on: (ring: Ring) => void): Unsubscribe {
    return this.#database.listen(CHANNEL, (payload) => on(readRing(payload)))
  }

  async #run(): Promise<void> {
    this.#isRinging = true
    try {
      while (this.#queues.size > 0 || this.#dueMs !== undefined) {
        const said: Ring = {
          queues: [...this.#queues],
          ...(this.#dueMs === undefined ? {} : { dueMs: this.#dueMs }),
        }
        this.#queues.clear()
        this.#dueMs = undefined
        await this.#database.query(sql.ring, [ringPayload(said)])
      }
    } catch {
      // Disconnected or closed: the waiting consumers' poll takes over.
    } finally {
      this.#isRinging = false
    }
  }
}

function readRing(payload: string | undefined): Ring {
  if (payload === undefined || payload === '') return {}
  try {
    const { q, d } = JSON.parse(payload) as { readonly q?: unknown; readonly d?: unknown }
    return {
      ...(Array.isArray(q) ? { queues: q.map(String) } : {}),
      ...(typeof d === 'number' ? { dueMs: d } : {}),
    }
  } catch {
    return {}
  }
}

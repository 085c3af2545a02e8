import pg from 'pg'
import { clientOptions } from './client-options.js'
import { sqlStateOf } from './errors.js'
import type { PostgresTarget } from './options.js'

/** A connection as the library has it; the process id is the server's, and its types omit it. */
type Client = pg.ClientBase & { readonly processID?: number | null }

/** What the server's processes wait in that have answered, or never got, what was last asked. */
const ANSWERED: ReadonlySet<string> = new Set([
  'idle',
  'idle in transaction',
  'idle in transaction (aborted)',
])

/**
 * Detects connections on which nothing goes any more, though nobody has closed them. A statement may take its time: when one has not been
 * answered for a while, the server is asked on a new connection whether it is still at it. If not, or if it does not answer there either, the
 * connection is lost.
 */
export class StallWatch {
  readonly #target: PostgresTarget
  readonly #onStalled: (clients: readonly pg.ClientBase[]) => void
  readonly #asked = new Map<Client, number>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(target: PostgresTarget, onStalled: (clients: readonly pg.ClientBase[]) => void) {
    this.#target = target
    this.#onStalled = onStalled
  }

  /** Waits for the answer to a statement. */
  async watch<T>(client: Client, answer: Promise<T>): Promise<T> {
    this.#asked.set(client, performance.now())
    this.#timer ??= setInterval(() => void this.#look(), this.#target.stallMs / 4).unref()
    try {
      return await answer
    } finally {
      this.#asked.delete(client)
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    if (this.#asked.size === 0) return this.stop()
    const beforeMs = performance.now() - this.#target.stallMs / 3
    const waiting = [...this.#asked].filter(([, askedMs]) => askedMs < beforeMs)
    if (waiting.length === 0 || this.#isLooking) return
    this.#isLooking = true
    try {
      const working = await this.#working(waiting.flatMap(([{ processID }]) => processID ?? []))
      const lost = waiting.filter(
        ([client, askedMs]) => this.#asked.get(client) === askedMs && !working?.has(client.processID),
      )
      if (lost.length > 0) this.#onStalled(lost.map(([client]) => client))
    } finally {
      this.#isLooking = false
    }
  }

  /** The server's processes that are at work, or that it does not know (a pooler has others); undefined when it does not answer. */
  async #working(ids: readonly number[]): Promise<ReadonlySet<unknown> | undefined> {
    const patienceMs = this.#target.stallMs / 3
    const client = new pg.Client({
      ...clientOptions(this.#target, 'lovage'),
      connectionTimeoutMillis: patienceMs,
      query_timeout: patienceMs,
    })
    // What ends it is told by the calls below.
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ pid: number; state: string | null }>(
        'SELECT pid, state FROM pg_stat_activity WHERE pid = ANY ($1::int[])',
        [ids],
      )
      const answered = new Set(rows.flatMap(({ pid, state }) => (ANSWERED.has(state ?? '') ? [pid] : [])))
      return new Set(ids.filter((id) => !answered.has(id)))
    } catch (error) {
      // A server that refuses, for want of connections, is there.
      return sqlStateOf(error) === undefined ? undefined : new Set(ids)
    } finally {
      client.end().catch(() => {})
    }
  }
}

import type { Binding, Queue } from '../../../broker/index.js'
import { bindingOf, route } from '../../shared/index.js'
import type { PostgresDatabase } from '../client/index.js'
import { sql } from './statements.js'

/** How long the bindings of an exchange are cached: another process may have added one. */
const BELIEVED_MS = 1_000
/** Keeps statements short: this many names at once. */
const KNOWN_QUEUES = 10_000

/** The routing fields of a message. */
interface Routable {
  readonly exchange: string
  readonly routingKey: string
}

interface BindingRow {
  readonly exchange: string
  readonly type: Binding['type']
  readonly routing_key: string
  readonly queue: string
}

/** The known queues, and the bindings of exchanges to them. */
export class PostgresRouting {
  readonly #database: PostgresDatabase
  readonly #queues = new Set<string>()
  readonly #bindings = new Map<string, { readonly list: readonly Binding[]; readonly untilMs: number }>()

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    // One binding of a kind per statement.
    const bindings = [
      ...new Map(
        queues.map((queue) => {
          const binding = bindingOf(queue)
          return [JSON.stringify([binding.exchange, binding.routingKey, binding.queue]), binding]
        }),
      ).values(),
    ]
    await this.#database.query(sql.bind, [
      bindings.map(({ exchange }) => exchange),
      bindings.map(({ type }) => type),
      bindings.map(({ routingKey }) => routingKey),
      bindings.map(({ queue }) => queue),
    ])
    this.#bindings.clear()
    await this.know(queues.map(({ name }) => name))
  }

  /** Registers queues that are not known yet. */
  async know(names: Iterable<string>): Promise<void> {
    const fresh = [...new Set(names)].filter((name) => !this.#queues.has(name)).sort()
    if (fresh.length === 0) return
    await this.#database.query(sql.addQueues, [fresh])
    if (this.#queues.size > KNOWN_QUEUES) this.#queues.clear()
    for (const name of fresh) this.#queues.add(name)
  }

  /**
   * The queues of each message.
   * @throws {MessageError} LVG_MESSAGE_UNROUTABLE for the first that has none.
   */
  async routes(messages: readonly Routable[]): Promise<readonly (readonly string[])[]> {
    const exchanges = new Set(messages.map(({ exchange }) => exchange).filter((exchange) => exchange !== ''))
    await this.#load([...exchanges].filter((exchange) => !this.#isBelieved(exchange)))
    return messages.map((message) => route(message, (exchange) => this.#bindings.get(exchange)?.list ?? []))
  }

  #isBelieved(exchange: string): boolean {
    const known = this.#bindings.get(exchange)
    return known !== undefined && known.list.length > 0 && known.untilMs > Date.now()
  }

  async #load(exchanges: readonly string[]): Promise<void> {
    if (exchanges.length === 0) return
    const rows = await this.#database.query<BindingRow>(sql.bindings, [exchanges])
    const untilMs = Date.now() + BELIEVED_MS
    for (const exchange of exchanges) {
      const own = rows.filter((row) => row.exchange === exchange)
      const list = own.map(({ type, routing_key: routingKey, queue }) => ({
        exchange,
        type,
        routingKey,
        queue,
      }))
      this.#bindings.set(exchange, { list, untilMs })
    }
  }
}

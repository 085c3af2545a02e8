import type { Binding, DepthOptions, QueueAdmin, QueueDepth, QueuedMessage } from '../../../broker/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import type { RedisConnection } from '../client/index.js'
import { COUNT_UNACKED, COUNT_WAITING, MOVE, PURGE, READ_SETS } from './admin-scripts.js'
import { browseQueue } from './browse.js'
import { MessagesById } from './by-id.js'
import type { RedisKeys } from './redis-keys.js'

const AT_ONCE = 500
/** Keys looked at in one step of the server: it takes a millisecond. */
const SCANNED = 2_000
/** Queues counted in one step of the server: it takes less than a millisecond. */
const COUNTED = 200
/** Queues searched at a time. */
const SEARCHED = 100
/** How many messages held by Python workers are inspected for a count. */
const MOST_FOREIGN = 2_000
/** Exchanges whose queues are not task queues: remote control, its replies, events. */
const INTERNAL = /(\.pidbox|^celeryev)$/

/** Queue administration on Redis. */
export class RedisAdmin implements QueueAdmin {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async queues(): Promise<readonly string[]> {
    const names = new Set(await this.#connection.command<string[]>('smembers', this.#keys.queues))
    for (const { queue } of await this.bindings()) names.add(queue)
    return [...names].sort()
  }

  async bindings(): Promise<readonly Binding[]> {
    const bindings: Binding[] = []
    const prefix = this.#keys.binding('')
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`
    const all: string[] = []
    for await (const found of this.#scan(pattern))
      all.push(...found.filter((key) => !INTERNAL.test(key.slice(prefix.length))))
    // An exchange of its own for each of thousands of queues is usual.
    const parts: string[][] = []
    for (let at = 0; at < all.length; at += AT_ONCE) parts.push(all.slice(at, at + AT_ONCE))
    const members = (await Promise.all(parts.map((keys) => READ_SETS.run(this.#connection, keys, [])))).flat()
    for (const [place, key] of all.entries()) {
      const exchange = key.slice(prefix.length)
      for (const member of members[place] ?? []) {
        const [routingKey = '', topic = '', queue = ''] = member.split(this.#keys.separator)
        // kombu writes a pattern only for a topic exchange, and nothing for other types.
        if (queue) bindings.push({ exchange, type: topic === '' ? 'direct' : 'topic', routingKey, queue })
      }
    }
    return bindings
  }

  browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>> {
    return browseQueue(this.#connection, this.#keys, queue, page)
  }

  async move(from: string, to: string): Promise<number> {
    this.#keys.checkQueue(to)
    const { doorbell, queues } = this.#keys
    await this.#connection.command('sadd', queues, to)
    let moved = 0
    for (const step of this.#keys.steps) {
      for (;;) {
        const lists = [this.#keys.list(from, step), this.#keys.list(to, step)] as const
        const batch = await MOVE.run(
          this.#connection,
          [...lists, doorbell],
          [AT_ONCE, JSON.stringify(from), JSON.stringify(to), to],
        )
        moved += batch
        if (batch < AT_ONCE) break
      }
    }
    return moved
  }

  async find(ids: readonly string[]): Promise<readonly QueuedMessage[]> {
    const wanted = new Set(ids)
    const busy = await this.#busy()
    const found: QueuedMessage[] = []
    for (let at = 0; at < busy.length; at += SEARCHED) {
      const queues = busy
        .slice(at, at + SEARCHED)
        .map((queue) => new MessagesById(this.#connection, this.#keys, queue, wanted))
      found.push(...(await Promise.all(queues.map((queue) => queue.find()))).flat())
    }
    return found
  }

  /** Queues with messages: of thousands, most are empty. */
  async #busy(): Promise<readonly string[]> {
    const names = await this.queues()
    const [depths, held] = await Promise.all([
      this.depths(names, { unacked: true }),
      this.#connection.command<number>('hlen', this.#keys.unacked),
    ])
    // Of very many held messages, not all are counted.
    if (held > MOST_FOREIGN) return names
    return names.filter((name) => {
      const { ready, delayed = 0, unacked = 0 } = depths.get(name) ?? { ready: 0 }
      return ready + delayed + unacked > 0
    })
  }

  async remove(ids: readonly string[]): Promise<number> {
    let removed = 0
    for (const queue of await this.#all(ids)) removed += await queue.remove()
    return removed
  }

  async promote(ids: readonly string[], dueMs?: number): Promise<number> {
    let promoted = 0
    for (const queue of await this.#all(ids)) promoted += await queue.promote(dueMs)
    return promoted
  }

  /** Waiting messages of all priorities, and delayed ones. Claimed ones are not counted by queue. */
  async depths(
    queues: readonly string[],
    { unacked = false, dueByMs }: DepthOptions = {},
  ): Promise<ReadonlyMap<string, QueueDepth>> {
    const held = unacked ? await this.#unacked() : undefined
    const { prefix, separator, steps, timesPrefix } = this.#keys
    const parts: (readonly string[])[] = []
    for (let at = 0; at < queues.length; at += COUNTED) parts.push(queues.slice(at, at + COUNTED))
    const counts = await this.#connection.together(() =>
      Promise.all(
        parts.map((part) =>
          COUNT_WAITING.run(
            this.#connection,
            [this.#keys.queues],
            [prefix, separator, steps.join(), timesPrefix, dueByMs ?? -1, ...part],
          ),
        ),
      ),
    )
    const flat = counts.flat()
    return new Map(
      queues.map((queue, place) => [
        queue,
        {
          ready: flat[place * 3] ?? 0,
          delayed: flat[place * 3 + 1] ?? 0,
          ...(held ? { unacked: held(queue) } : {}),
          ...(dueByMs === undefined ? {} : { due: flat[place * 3 + 2] ?? 0 }),
        },
      ]),
    )
  }

  /** Messages held by workers, including Python's: as many of those as are inspected. */
  async #unacked(): Promise<(queue: string) => number> {
    const { holders, unackedIndex, unacked, heldPrefix } = this.#keys
    const [lists, listCounts, routingKeys, keyCounts] = await COUNT_UNACKED.run(
      this.#connection,
      [holders, unackedIndex, unacked],
      [heldPrefix, MOST_FOREIGN],
    )
    const byList = new Map(lists.map((list, place) => [list, listCounts[place] ?? 0]))
    const byKey = new Map(routingKeys.map((key, place) => [key, keyCounts[place] ?? 0]))
    return (queue) =>
      this.#keys.lists(queue).reduce((sum, list) => sum + (byList.get(list) ?? 0), byKey.get(queue) ?? 0)
  }

  async purge(queue: string): Promise<number> {
    const { delayed } = this.#keys
    const named = [delayed, this.#keys.times(queue), this.#keys.messages(queue)] as const
    return PURGE.run(this.#connection, [...named, ...this.#keys.lists(queue)], [queue])
  }

  async #all(ids: readonly string[]): Promise<readonly MessagesById[]> {
    const wanted = new Set(ids)
    const queues = await this.queues()
    return queues.map((queue) => new MessagesById(this.#connection, this.#keys, queue, wanted))
  }

  async *#scan(pattern: string): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, found] = await this.#connection.send<[string, string[]]>('scan', [
        cursor,
        'MATCH',
        pattern,
        'TYPE',
        'set',
        'COUNT',
        SCANNED,
      ])
      yield found
      cursor = next
    } while (cursor !== '0')
  }
}

import type { Binding, DepthOptions, QueueAdmin, QueueDepth, QueuedMessage } from '../../../broker/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import { COUNT_UNACKED, COUNT_WAITING, MOVE, PURGE, READ_SETS } from './admin-scripts.js'
import { browseQueue, findClaimed } from './browse.js'
import { MessagesById } from './by-id.js'
import { moveAcross } from './move-across.js'
import type { Place, Places } from './places.js'

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
  readonly #places: Places

  constructor(places: Places) {
    this.#places = places
  }

  async queues(): Promise<readonly string[]> {
    const { connection, keys } = this.#places.shared
    const names = new Set(await connection.command<string[]>('smembers', keys.queues))
    for (const { queue } of await this.bindings()) names.add(queue)
    return [...names].sort()
  }

  async bindings(): Promise<readonly Binding[]> {
    const { connection, keys: names } = this.#places.shared
    const bindings: Binding[] = []
    const prefix = names.binding('')
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`
    const all: string[] = []
    for await (const found of this.#scan(pattern))
      all.push(...found.filter((key) => !INTERNAL.test(key.slice(prefix.length))))
    // An exchange of its own for each of thousands of queues is usual.
    const parts: string[][] = []
    for (let at = 0; at < all.length; at += AT_ONCE) parts.push(all.slice(at, at + AT_ONCE))
    const members = (await Promise.all(parts.map((keys) => READ_SETS.run(connection, keys, [])))).flat()
    for (const [place, key] of all.entries()) {
      const exchange = key.slice(prefix.length)
      for (const member of members[place] ?? []) {
        const [routingKey = '', topic = '', queue = ''] = member.split(names.separator)
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
    const { connection, keys } = this.#places.of(queue)
    return browseQueue(connection, keys, queue, page)
  }

  async move(from: string, to: string): Promise<number> {
    const { connection, keys } = this.#places.shared
    keys.checkQueue(to)
    await connection.command('sadd', keys.queues, to)
    if (!this.#places.isOne) return from === to ? 0 : moveAcross(this.#places, from, to)
    let moved = 0
    for (const step of keys.steps) {
      for (;;) {
        const batch = await MOVE.run(
          connection,
          [keys.list(from, step), keys.list(to, step), keys.doorbell],
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
    const { isOne, shared } = this.#places
    const claimedIn = ({ connection, keys }: Place) => findClaimed(connection, keys, wanted)
    const found: QueuedMessage[] = []
    for (let at = 0; at < busy.length; at += SEARCHED) {
      const some = busy.slice(at, at + SEARCHED)
      const waiting = some.map((queue) => this.#queue(queue, wanted).find())
      // In one place, one hash holds what is claimed from all queues.
      const claimed = isOne ? [] : some.map((queue) => claimedIn(this.#places.of(queue)))
      found.push(...(await Promise.all([...waiting, ...claimed])).flat())
    }
    if (isOne && busy.length > 0) found.push(...(await claimedIn(shared)))
    return found
  }

  /** Queues with messages: of thousands, most are empty. */
  async #busy(): Promise<readonly string[]> {
    const names = await this.queues()
    const { connection, keys } = this.#places.shared
    const [depths, held] = await Promise.all([
      this.depths(names, { unacked: true }),
      // Python workers, of whose messages not all are counted, are in the shared place.
      connection.command<number>('hlen', keys.unacked),
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
    const held = unacked ? await this.#unacked(queues) : undefined
    const parts: { readonly place: Place; readonly part: readonly string[] }[] = []
    for (let at = 0; at < queues.length; at += this.#places.isOne ? COUNTED : 1) {
      const part = queues.slice(at, at + (this.#places.isOne ? COUNTED : 1))
      parts.push({ place: this.#places.of(queues[at] ?? ''), part })
    }
    const counts = await this.#places.together(() =>
      Promise.all(
        parts.map(({ place: { connection, keys }, part }) =>
          COUNT_WAITING.run(
            connection,
            [keys.queues],
            [keys.prefix, keys.separator, keys.steps.join(), keys.timesPrefix, dueByMs ?? -1, ...part],
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
  async #unacked(queues: readonly string[]): Promise<(queue: string) => number> {
    const places = this.#places.isOne ? [this.#places.shared] : queues.map((queue) => this.#places.of(queue))
    const byList = new Map<string, number>()
    const byKey = new Map<string, number>()
    const replies = await this.#places.together(() =>
      Promise.all(
        places.map(({ connection, keys: { holders, unackedIndex, unacked, heldPrefix } }) =>
          COUNT_UNACKED.run(connection, [holders, unackedIndex, unacked], [heldPrefix, MOST_FOREIGN]),
        ),
      ),
    )
    for (const [lists, listCounts, routingKeys, keyCounts] of replies) {
      for (const [at, list] of lists.entries()) byList.set(list, listCounts[at] ?? 0)
      for (const [at, key] of routingKeys.entries())
        byKey.set(key, (byKey.get(key) ?? 0) + (keyCounts[at] ?? 0))
    }
    const listsOf = (queue: string): string[] => this.#places.of(queue).keys.lists(queue)
    return (queue) =>
      listsOf(queue).reduce((sum, list) => sum + (byList.get(list) ?? 0), byKey.get(queue) ?? 0)
  }

  async purge(queue: string): Promise<number> {
    const { connection, keys } = this.#places.of(queue)
    const named = [keys.delayed, keys.times(queue), keys.messages(queue)] as const
    return PURGE.run(connection, [...named, ...keys.lists(queue)], [queue])
  }

  async #all(ids: readonly string[]): Promise<readonly MessagesById[]> {
    const wanted = new Set(ids)
    return (await this.queues()).map((queue) => this.#queue(queue, wanted))
  }

  #queue(queue: string, wanted: ReadonlySet<string>): MessagesById {
    const { connection, keys } = this.#places.of(queue)
    return new MessagesById(connection, keys, queue, wanted)
  }

  async *#scan(pattern: string): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, found] = await this.#places.shared.connection.send<[string, string[]]>('scan', [
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

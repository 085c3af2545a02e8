import type { Page, PageRequest } from '../../kernel/index.js'
import { decodeEnvelope } from '../../message/index.js'
import type { RedisConnection } from '../../redis-client/index.js'
import type { QueueAdmin, QueueDepth, QueuedMessage } from '../broker.js'
import { MOVE, PROMOTE_MEMBERS, PURGE, REMOVE_DELAYED } from './admin-scripts.js'
import { browseQueue } from './browse.js'
import type { RedisKeys } from './keys.js'
import { priorityFromWire } from './priority.js'

const AT_ONCE = 500
/** Exchanges whose queues are no task queues: remote control, its replies, events. */
const INTERNAL = /(\.pidbox|^celeryev)$/

/** What operators do to queues on Redis. */
export class RedisQueueAdmin implements QueueAdmin {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async queues(): Promise<readonly string[]> {
    const names = new Set(await this.#connection.command<string[]>('smembers', this.#keys.queues))
    const prefix = this.#keys.binding('')
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`
    for await (const found of this.#scan('scan', [], ['MATCH', pattern, 'TYPE', 'set'])) {
      for (const key of found) {
        if (INTERNAL.test(key.slice(prefix.length))) continue
        for (const member of await this.#connection.command<string[]>('smembers', key)) {
          const queue = member.split(this.#keys.separator)[2]
          if (queue) names.add(queue)
        }
      }
    }
    return [...names].sort()
  }

  browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>> {
    return browseQueue(this.#connection, this.#keys, queue, page)
  }

  async move(from: string, to: string): Promise<number> {
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

  async remove(ids: readonly string[]): Promise<number> {
    const wanted = new Set(ids)
    let removed = 0
    for (const queue of await this.queues()) {
      for (const list of this.#keys.lists(queue)) removed += await this.#removeFrom(list, wanted)
      for await (const members of this.#delayed(queue, wanted)) {
        removed += await REMOVE_DELAYED.run(
          this.#connection,
          [this.#keys.times(queue), this.#keys.messages(queue)],
          members,
        )
      }
    }
    return removed
  }

  async promote(ids: readonly string[], dueMs?: number): Promise<number> {
    const wanted = new Set(ids)
    const { delayed, doorbell } = this.#keys
    let promoted = 0
    for (const queue of await this.#connection.command<string[]>('zrange', delayed, 0, -1)) {
      for await (const members of this.#delayed(queue, wanted)) {
        promoted += await PROMOTE_MEMBERS.run(
          this.#connection,
          [delayed, this.#keys.times(queue), doorbell],
          [queue, dueMs ?? 0, ...members],
        )
      }
    }
    return promoted
  }

  /** Waiting messages by all priorities, and delayed ones. Claimed ones are not counted by queue. */
  async depths(queues: readonly string[]): Promise<ReadonlyMap<string, QueueDepth>> {
    const counts = await this.#connection.together(() =>
      Promise.all(
        queues.flatMap((queue) => [
          ...this.#keys.lists(queue).map((list) => this.#connection.command<number>('llen', list)),
          this.#connection.command<number>('zcard', this.#keys.times(queue)),
        ]),
      ),
    )
    const { steps } = this.#keys
    const each = steps.length + 1
    return new Map(
      queues.map((queue, index) => {
        const ready = counts.slice(index * each, index * each + steps.length)
        return [
          queue,
          {
            ready: ready.reduce((sum, one) => sum + one, 0),
            delayed: counts[index * each + steps.length] ?? 0,
          },
        ]
      }),
    )
  }

  async purge(queue: string): Promise<number> {
    const { delayed } = this.#keys
    const named = [delayed, this.#keys.times(queue), this.#keys.messages(queue)] as const
    return PURGE.run(this.#connection, [...named, ...this.#keys.lists(queue)], [queue])
  }

  /** Looks from the tail, where indexes do not move when others consume. */
  async #removeFrom(list: string, wanted: ReadonlySet<string>): Promise<number> {
    let removed = 0
    for (let at = 0; ; ) {
      const found = await this.#connection.sendForBytes<Buffer[]>('lrange', [list, at, at + AT_ONCE - 1])
      if (found.length === 0) return removed
      at += found.length
      for (const raw of found) {
        const message = decodeEnvelope(raw, priorityFromWire)
        const id = 'headers' in message ? message.headers.id : undefined
        if (typeof id !== 'string' || !wanted.has(id)) continue
        const gone = await this.#connection.send<number>('lrem', [list, 1, raw])
        removed += gone
        at -= gone
      }
    }
  }

  /** Members of a queue's delay store with these task ids, in batches. */
  async *#delayed(queue: string, wanted: ReadonlySet<string>): AsyncGenerator<string[]> {
    for await (const found of this.#scan('zscan', [this.#keys.times(queue)], [])) {
      const members = found.filter((_, index) => index % 2 === 0)
      const matching = members.filter((member) => wanted.has(member.slice(0, member.lastIndexOf('/'))))
      if (matching.length > 0) yield matching
    }
  }

  async *#scan(
    command: 'scan' | 'zscan',
    key: readonly string[],
    options: readonly string[],
  ): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, found] = await this.#connection.send<[string, string[]]>(command, [
        ...key,
        cursor,
        ...options,
        'COUNT',
        AT_ONCE,
      ])
      yield found
      cursor = next
    } while (cursor !== '0')
  }
}

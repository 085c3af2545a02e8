import type { QueuedMessage } from '../../../broker/index.js'
import { decodeEnvelope, withEta } from '../../../envelope/index.js'
import type { RedisLink } from '../client/index.js'
import { FIND_WAITING, POSTPONE_WAITING, REMOVE_DELAYED, RESCHEDULE } from './admin-scripts.js'
import { view } from './browse.js'
import { priorityFromWire } from './priority.js'
import { delayMember } from './publication.js'
import type { RedisKeys } from './redis-keys.js'

const AT_ONCE = 500
/** How many messages the server reads in one step, a few milliseconds long. */
const AT_ONCE_THERE = 2_000
/** For more ids than this the messages are read here: the server would search each for every id. */
const MOST_IDS_THERE = 20
/** An id that stands in a message's JSON as it is. */
const PLAIN = /^[\w.:@/-]+$/

/**
 * Messages of one queue by task id. Redis has no index of its lists, so a lookup by task id reads the whole queue: on
 * the server, which hands out only what may be meant. For delayed messages only the ids are read, not the messages.
 */
export class MessagesById {
  readonly #connection: RedisLink
  readonly #keys: RedisKeys
  readonly #queue: string
  readonly #wanted: ReadonlySet<string>

  constructor(connection: RedisLink, keys: RedisKeys, queue: string, wanted: ReadonlySet<string>) {
    this.#connection = connection
    this.#keys = keys
    this.#queue = queue
    this.#wanted = wanted
  }

  /** Those that wait or are delayed; claimed ones of all queues are found together, by `findClaimed`. */
  async find(): Promise<readonly QueuedMessage[]> {
    const found: QueuedMessage[] = []
    for (const step of this.#keys.steps)
      for (const { raw } of await this.#waiting(step)) found.push(view(raw, this.#queue, 'ready'))
    for await (const members of this.#delayed()) {
      const dueMs = await this.#connection.send<(string | null)[]>('zmscore', [
        this.#keys.times(this.#queue),
        ...members,
      ])
      const values = await this.#values(members)
      values.forEach((value, index) => {
        if (!value) return
        const raw = value.subarray(value.indexOf(' ') + 1)
        found.push({ ...view(raw, this.#queue, 'delayed', members[index]), dueMs: Number(dueMs[index] ?? 0) })
      })
    }
    return found
  }

  async remove(): Promise<number> {
    let removed = 0
    for (const step of this.#keys.steps) {
      const list = this.#keys.list(this.#queue, step)
      for (const { raw } of await this.#waiting(step))
        removed += await this.#connection.send<number>('lrem', [list, -1, raw])
    }
    const { times, messages } = this.#store
    for await (const members of this.#delayed())
      removed += await REMOVE_DELAYED.run(this.#connection, [times, messages], members)
    return removed
  }

  async promote(dueMs: number | undefined): Promise<number> {
    const { times, messages } = this.#store
    const { delayed, doorbell } = this.#keys
    let promoted = 0
    for await (const members of this.#delayed()) {
      const values = await this.#values(members)
      const words = values.flatMap((value, index) =>
        value ? [members[index] ?? '', withEtaAfterStep(value.toString(), dueMs)] : [],
      )
      promoted += await RESCHEDULE.run(
        this.#connection,
        [delayed, times, messages, doorbell],
        [this.#queue, dueMs ?? 0, ...words],
      )
    }
    for (const step of this.#keys.steps) {
      const list = this.#keys.list(this.#queue, step)
      const waiting = await this.#waiting(step)
      for (let from = 0; from < waiting.length; from += AT_ONCE) {
        const words = waiting
          .slice(from, from + AT_ONCE)
          .flatMap(({ raw, id, tag }) => [
            raw,
            delayMember(id, tag),
            `${step} ${withEta(raw.toString(), dueMs)}`,
          ])
        promoted += await POSTPONE_WAITING.run(
          this.#connection,
          [list, delayed, times, messages, doorbell],
          [this.#queue, dueMs ?? 0, ...words],
        )
      }
    }
    return promoted
  }

  get #store(): { readonly times: string; readonly messages: string } {
    return { times: this.#keys.times(this.#queue), messages: this.#keys.messages(this.#queue) }
  }

  #values(members: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#connection.sendForBytes('hmget', [this.#keys.messages(this.#queue), ...members])
  }

  /**
   * The matches in a list, in the order of delivery. Read from the head: consuming at the tail shifts no index, and publishing
   * shifts them up, so that a message is seen twice rather than not at all.
   */
  async #waiting(step: number): Promise<readonly WaitingMessage[]> {
    const list = this.#keys.list(this.#queue, step)
    const found = new Map<string, WaitingMessage>()
    const ids = [...this.#wanted]
    const isFoundThere = ids.length <= MOST_IDS_THERE && ids.every((id) => PLAIN.test(id))
    const size = isFoundThere ? AT_ONCE_THERE : AT_ONCE
    for (let at = 0; ; at += size) {
      const { read, raws } = isFoundThere ? await this.#meant(list, at, ids) : await this.#part(list, at)
      for (const raw of raws) {
        const message = this.#wantedIn(raw)
        if (message) found.set(message.tag, message)
      }
      if (read < size) return [...found.values()].reverse()
    }
  }

  async #part(list: string, at: number): Promise<PartOfList> {
    const raws = await this.#connection.sendForBytes<Buffer[]>('lrange', [list, at, at + AT_ONCE - 1])
    return { read: raws.length, raws }
  }

  async #meant(list: string, at: number, ids: readonly string[]): Promise<PartOfList> {
    const words = [at, at + AT_ONCE_THERE - 1, ...ids]
    const [read, ...raws] = await FIND_WAITING.runForBytes<[number, ...Buffer[]]>(
      this.#connection,
      [list],
      words,
    )
    return { read, raws }
  }

  #wantedIn(raw: Buffer): WaitingMessage | undefined {
    const message = decodeEnvelope(raw, priorityFromWire)
    if (message instanceof Error) return undefined
    const { id } = message.headers
    return typeof id === 'string' && this.#wanted.has(id) ? { raw, id, tag: message.deliveryTag } : undefined
  }

  /** Members of the delay store, in batches. */
  async *#delayed(): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, found] = await this.#connection.send<[string, string[]]>('zscan', [
        this.#keys.times(this.#queue),
        cursor,
        'COUNT',
        AT_ONCE,
      ])
      const members = found.filter((_, index) => index % 2 === 0)
      const matching = members.filter((member) => this.#wanted.has(member.slice(0, member.lastIndexOf('/'))))
      if (matching.length > 0) yield matching
      cursor = next
    } while (cursor !== '0')
  }
}

/** Messages of a part of a list, and how many were looked at. */
interface PartOfList {
  readonly read: number
  readonly raws: readonly Buffer[]
}

interface WaitingMessage {
  readonly raw: Buffer
  readonly id: string
  readonly tag: string
}

/** The same for a value of the delay store, in which the priority step precedes the message. */
function withEtaAfterStep(value: string, dueMs: number | undefined): string {
  const space = value.indexOf(' ') + 1
  return value.slice(0, space) + withEta(value.slice(space), dueMs)
}

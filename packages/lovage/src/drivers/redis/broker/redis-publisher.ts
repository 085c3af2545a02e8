import { ConnectionError, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import type { RedisLink } from '../client/index.js'
import { CertainSender } from './certain-sender.js'
import { type Publication, publicationFor, publicationsOf, publicationWords } from './publication.js'
import { QueueNames } from './queue-names.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { PUBLISH, PUSH } from './scripts.js'

/**
 * The maximum size of one push. Longer commands are no faster: their buffers come from the system page by page,
 * and the server is blocked for all other clients.
 */
const MAX_ITEMS = 1_000
const MAX_CHARACTERS = 1 << 15
/** Consumers check the delay store this often by themselves, unless told otherwise. */
const SWEEP_MS = 1_000
/** A transaction is five commands: fewer messages cost less as a script. */
const MIN_TRANSACTION = 6
/** As in push.lua. */
const PUSHED_TTL_MS = 3_600_000

/** The messages of one push. */
interface Batch {
  readonly list: string
  readonly raws: string[]
  readonly ids: unknown[]
  characters: number
}

/** Publishes what it is handed at once: one push for each list and 32 kB, all in one packet. */
export class RedisPublisher {
  readonly #connection: RedisLink
  readonly #keys: RedisKeys
  readonly #routing: RedisRouting
  readonly #sender: CertainSender
  readonly #pushed: string
  readonly #names: QueueNames

  readonly #sweepMs: number

  /**
   * @param names Where queues are registered; default beside them.
   * @param sweepMs How often consumers check the delay store by themselves.
   */
  constructor(
    connection: RedisLink,
    keys: RedisKeys,
    routing: RedisRouting,
    names = new QueueNames(connection, keys.queues),
    sweepMs = SWEEP_MS,
  ) {
    this.#sweepMs = sweepMs
    this.#connection = connection
    this.#keys = keys
    this.#routing = routing
    this.#sender = new CertainSender(connection)
    this.#pushed = keys.pushedPrefix + this.#sender.id
    this.#names = names
  }

  /** Resolves when the server has all of them. */
  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    if (this.#connection.isClosed) throw closedError(this.#connection)
    if (!messages.every(isPlain)) return this.#publishAny(messages)
    await Promise.all(this.#push(messages.map((one) => publicationFor(one, one.routingKey, this.#keys))))
  }

  /** Publishes messages that need routing, or the script. */
  async #publishAny(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.send(await publicationsOf(messages, this.#routing, this.#keys))
  }

  /** Publishes copies for queues; resolves when the server has all of them. */
  async send(publications: readonly Publication[]): Promise<void> {
    const special = publications.filter(isSpecial)
    const sent = this.#push(
      special.length === 0 ? publications : publications.filter((one) => !isSpecial(one)),
    )
    for (let at = 0; at < special.length; at += MAX_ITEMS)
      sent.push(this.#runScript(special.slice(at, at + MAX_ITEMS)))
    await Promise.all(sent)
  }

  async #runScript(publications: readonly Publication[]): Promise<void> {
    const { doorbell, delayed } = this.#keys
    const words = publications.flatMap((one) => publicationWords(one, this.#keys))
    const dueMs = Math.min(...publications.map(({ message }) => message.dueMs ?? Number.POSITIVE_INFINITY))
    await this.#connection.together(() => {
      // A failure to write the set shows in the next commands, or in the next publication.
      this.#names.register(publications.map(({ queue }) => queue)).catch(() => {})
      return Promise.all([
        this.#sender.send(
          (number) => PUBLISH.run(this.#connection, [doorbell, delayed, this.#pushed], [number, ...words]),
          () => publications.map(({ message }) => message.headers.id),
        ),
        // Too soon for a sweep to notice in time.
        dueMs - systemClock.now() < this.#sweepMs && this.#connection.command('publish', doorbell, ''),
      ])
    })
  }

  /** Pushes messages to their lists, in as few packets as possible. */
  #push(publications: readonly Publication[]): Promise<unknown>[] {
    const sent: Promise<unknown>[] = []
    const open = new Map<string, Batch>()
    this.#connection.together(() => {
      for (const publication of publications) {
        const list = this.#keys.list(publication.queue, publication.step)
        let batch = open.get(list)
        if (!batch) {
          batch = { list, raws: [], ids: [], characters: 0 }
          open.set(list, batch)
        }
        batch.raws.push(publication.raw)
        batch.ids.push(publication.message.headers.id)
        batch.characters += publication.raw.length
        if (batch.raws.length < MAX_ITEMS && batch.characters < MAX_CHARACTERS) continue
        sent.push(this.#pushBatch(batch))
        open.delete(list)
      }
      for (const batch of open.values()) sent.push(this.#pushBatch(batch))
      // A failure to write the set shows in the next commands.
      this.#names.register(queuesOf(publications)).catch(() => {})
      // No consumer waits at the lists of the other steps.
      const { doorbell } = this.#keys
      for (const queue of queuesOf(publications.filter(({ step }) => step !== 0)))
        sent.push(this.#connection.command('publish', doorbell, queue))
    })
    return sent
  }

  #pushBatch({ list, raws, ids }: Batch): Promise<void> {
    const heard = this.#sender.takeHeard()
    const run = (number: number): Promise<unknown> =>
      PUSH.run(this.#connection, [list, this.#pushed], [number, heard.length, ...heard, ...raws])
    return this.#sender.send(
      (number, isRepeated) =>
        isRepeated || raws.length < MIN_TRANSACTION
          ? run(number)
          : this.#pushNatively(list, raws, number, heard),
      () => ids,
    )
  }

  /**
   * The script's work without its question whether the number is known, for a number that was not sent before: the server copies each message
   * once less. Should the server read these commands from a lost connection only after the repeat, which waits 100 ms, the messages are
   * there twice.
   */
  #pushNatively(
    list: string,
    raws: readonly string[],
    number: number,
    heard: readonly number[],
  ): Promise<unknown> {
    return this.#connection.transaction([
      ['lpush', [list, ...raws]],
      ['hset', [this.#pushed, number, '']],
      ...(heard.length === 0 ? [] : [['hdel', [this.#pushed, ...heard]] as const]),
      ['pexpire', [this.#pushed, PUSHED_TTL_MS]],
    ])
  }
}

const isPlain = (message: OutgoingMessage): boolean =>
  message.exchange === '' && message.dueMs === undefined && message.once === undefined

const isSpecial = ({ message: { dueMs, once } }: Publication): boolean =>
  dueMs !== undefined || once !== undefined

const queuesOf = (publications: readonly Publication[]): readonly string[] => [
  ...new Set(publications.map(({ queue }) => queue)),
]

const closedError = ({ target }: RedisLink): ConnectionError =>
  new ConnectionError(`The connection to ${target.location} was closed`, { code: 'LVG_CONNECTION_CLOSED' })

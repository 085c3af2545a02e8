import { ConnectionError, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import type { RedisConnection } from '../client/index.js'
import { CertainSender } from './certain-sender.js'
import { type Publication, publicationFor, publicationsOf, publicationWords } from './publication.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { PUBLISH, PUSH } from './scripts.js'

/**
 * The maximum size of one push. Longer commands are no faster: their buffers come from the system page by page,
 * and the server is blocked for all other clients.
 */
const MAX_ITEMS = 1_000
const MAX_CHARACTERS = 1 << 15
/** Consumers check the delay store this often by themselves. */
const SWEEP_MS = 1_000
/** Queue names are registered again this often, in case the server was flushed. */
const REGISTER_MS = 60_000

/** The messages for one list in this tick. */
interface Batch {
  readonly queue: string
  readonly step: number
  readonly messages: string[]
  readonly ids: unknown[]
  readonly sent: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Collects the messages published in one turn of the event loop: one push for each list, all in one packet. */
export class RedisPublisher {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #routing: RedisRouting
  readonly #sender: CertainSender
  readonly #pushed: string
  readonly #registered = new Set<string>()
  #registeredMs = 0
  #batches = new Map<string, Batch>()

  constructor(connection: RedisConnection, keys: RedisKeys, routing: RedisRouting) {
    this.#connection = connection
    this.#keys = keys
    this.#routing = routing
    this.#sender = new CertainSender(connection)
    this.#pushed = keys.pushedPrefix + this.#sender.id
  }

  /** Resolves when the server has all of them. */
  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const [first] = messages
    if (first === undefined) return Promise.resolve()
    if (this.#connection.isClosed) return Promise.reject(closedError(this.#connection))
    try {
      if (messages.length === 1 && isPlain(first))
        return this.#add(publicationFor(first, first.routingKey, this.#keys))
      if (messages.every(isPlain)) {
        const publications = messages.map((one) => publicationFor(one, one.routingKey, this.#keys))
        const sent = new Set(publications.map((one) => this.#add(one)))
        return Promise.all(sent).then(() => undefined)
      }
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#publishAny(messages)
  }

  /** Publishes messages that need routing, or the script. */
  async #publishAny(messages: readonly OutgoingMessage[]): Promise<void> {
    const publications = await publicationsOf(messages, this.#routing, this.#keys)
    const special = publications.filter(({ message }) => !isPlain({ ...message, exchange: '' }))
    const plain = publications.filter(({ message }) => isPlain({ ...message, exchange: '' }))
    const sent = plain.map((one) => this.#add(one))
    for (let at = 0; at < special.length; at += MAX_ITEMS)
      sent.push(this.#runScript(special.slice(at, at + MAX_ITEMS)))
    await Promise.all(sent)
  }

  async #runScript(publications: readonly Publication[]): Promise<void> {
    const { doorbell, delayed } = this.#keys
    const words = publications.flatMap((one) => publicationWords(one, this.#keys))
    const dueMs = Math.min(...publications.map(({ message }) => message.dueMs ?? Number.POSITIVE_INFINITY))
    await this.#connection.together(() =>
      Promise.all([
        this.#register(publications.map(({ queue }) => queue)),
        this.#sender.send(
          (number) => PUBLISH.run(this.#connection, [doorbell, delayed, this.#pushed], [number, ...words]),
          () => publications.map(({ message }) => message.headers.id),
        ),
        // Too soon for a sweep to notice in time.
        dueMs - systemClock.now() < SWEEP_MS && this.#connection.command('publish', doorbell, ''),
      ]),
    )
  }

  #add({ queue, step, raw, message }: Publication): Promise<void> {
    const list = this.#keys.list(queue, step)
    let batch = this.#batches.get(list)
    if (!batch) {
      if (this.#batches.size === 0) setImmediate(() => this.#flush())
      batch = { queue, step, messages: [], ids: [], ...deferred() }
      this.#batches.set(list, batch)
    }
    batch.messages.push(raw)
    batch.ids.push(message.headers.id)
    return batch.sent
  }

  #flush(): void {
    const batches = this.#batches
    this.#batches = new Map()
    this.#connection.together(() => {
      const queues = [...batches.values()].map(({ queue }) => queue)
      // A failure to write the set shows in the next commands.
      this.#register(queues).catch(() => {})
      for (const [list, batch] of batches) {
        Promise.all(this.#push(list, batch)).then(batch.resolve, batch.reject)
      }
    })
  }

  #push(list: string, { queue, step, messages, ids }: Batch): Promise<unknown>[] {
    const sent: Promise<unknown>[] = []
    const send = (raws: readonly string[], from: number): void => {
      const heard = this.#sender.takeHeard()
      const words = heard.length === 0 ? raws : [...heard, ...raws]
      sent.push(
        this.#sender.send(
          (number) => PUSH.run(this.#connection, [list, this.#pushed], [number, heard.length, ...words]),
          () => ids.slice(from, from + raws.length),
        ),
      )
    }
    let begin = 0
    let characters = 0
    for (let at = 0; at < messages.length; at++) {
      if (at - begin >= MAX_ITEMS || characters > MAX_CHARACTERS) {
        send(messages.slice(begin, at), begin)
        begin = at
        characters = 0
      }
      characters += messages[at]?.length ?? 0
    }
    send(begin === 0 ? messages : messages.slice(begin), begin)
    // No consumer waits at the lists of the other steps.
    if (step !== 0) sent.push(this.#connection.command('publish', this.#keys.doorbell, queue))
    return sent
  }

  async #register(queues: readonly string[]): Promise<void> {
    const nowMs = systemClock.now()
    if (nowMs - this.#registeredMs > REGISTER_MS) {
      this.#registered.clear()
      this.#registeredMs = nowMs
    }
    const names = [...new Set(queues)].filter((queue) => !this.#registered.has(queue))
    if (names.length === 0) return
    for (const name of names) this.#registered.add(name)
    try {
      await this.#connection.command('sadd', this.#keys.queues, ...names)
    } catch (error) {
      for (const name of names) this.#registered.delete(name)
      throw error
    }
  }
}

const isPlain = (message: OutgoingMessage): boolean =>
  message.exchange === '' && message.dueMs === undefined && message.once === undefined

function deferred(): Pick<Batch, 'sent' | 'resolve' | 'reject'> {
  let resolve: () => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const sent = new Promise<void>((onSent, onError) => {
    resolve = onSent
    reject = onError
  })
  return { sent, resolve, reject }
}

const closedError = ({ target }: RedisConnection): ConnectionError =>
  new ConnectionError(`The connection to ${target.location} was closed`, { code: 'LVG_CONNECTION_CLOSED' })

import { randomUUID } from 'node:crypto'
import { ConnectionError, type Unsubscribe } from 'lovage'
import {
  type Broker,
  type BrokerCapabilities,
  bindingOf,
  type ConsumeOptions,
  type Consumer,
  type DeadLetter,
  type DeadLetterStore,
  encodeEnvelope,
  type IncomingMessage,
  listLetters,
  type OutgoingMessage,
  type Queue,
  type QueueAdmin,
  type QueueDepth,
  registerDriver,
  route,
  type Settlement,
} from 'lovage/driver'

/** A message in a queue. */
interface Entry {
  readonly message: IncomingMessage
  /** As a dead letter keeps it. */
  readonly raw: string
  readonly queue: string
  dueMs: number
  redeliveries: number
}

/** What the brokers of one URL share: a process has one array a queue, and loses them with itself. */
class Arrays {
  readonly queues = new Map<string, Entry[]>()
  readonly bindings = new Map<string, ReturnType<typeof bindingOf>>()
  readonly letters = new Map<string, DeadLetter>()
  readonly consumers = new Set<ArrayConsumer>()

  queue(name: string): Entry[] {
    const found = this.queues.get(name) ?? []
    this.queues.set(name, found)
    return found
  }
  /** All of them or none: an unroutable one throws before the first is kept. */
  publish(messages: readonly OutgoingMessage[]): void {
    const routed = messages.map((message) =>
      route(message, (exchange) => [...this.bindings.values()].filter((one) => one.exchange === exchange)),
    )
    for (const [place, message] of messages.entries())
      for (const queue of routed[place] ?? [])
        this.queue(queue).push({
          message: { ...message, redelivered: false },
          raw: encodeEnvelope(message, (priority) => priority ?? 0, randomUUID()),
          queue,
          dueMs: message.dueMs ?? 0,
          redeliveries: 0,
        })
    this.wake()
  }
  wake(): void {
    for (const consumer of this.consumers) consumer.demand()
  }
}

/** Claims from the head of each queue, in the order in which the queues were named, or in turns. */
class ArrayConsumer implements Consumer {
  readonly settlesResults = false
  readonly held = new Map<string, Entry>()
  readonly #arrays: Arrays
  readonly #options: ConsumeOptions
  #queues: readonly string[]
  #timer: NodeJS.Timeout | undefined
  #isPaused = false
  #tags = 0

  constructor(arrays: Arrays, options: ConsumeOptions) {
    this.#arrays = arrays
    this.#options = options
    this.#queues = options.queues
  }

  demand(): void {
    queueMicrotask(() => this.#claim())
  }
  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues = queues
    this.demand()
  }
  async pause(): Promise<void> {
    this.#isPaused = true
  }
  async close(): Promise<void> {
    this.#isPaused = true
    clearTimeout(this.#timer)
    this.#arrays.consumers.delete(this)
    // Nobody renews anything in one process: what is not settled goes to the next consumer at once.
    for (const entry of this.held.values()) {
      entry.redeliveries++
      this.#arrays.queue(entry.queue).unshift(entry)
    }
    this.held.clear()
    this.#arrays.wake()
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const lost: string[] = []
    for (const settlement of settlements) {
      const entry = this.held.get(settlement.tag)
      if (!entry) lost.push(settlement.tag)
      else this.#end(entry, settlement)
    }
    this.#arrays.wake()
    return lost
  }
  /** The continuation first: should it be unroutable, the claim stands. */
  #end(entry: Entry, settlement: Settlement): void {
    this.#arrays.publish(settlement.publish ?? [])
    this.held.delete(settlement.tag)
    if (settlement.kind === 'dead-letter') this.#arrays.letters.set(settlement.letter.id, settlement.letter)
    if (settlement.kind === 'requeue') {
      if (settlement.counts) entry.redeliveries++
      this.#arrays.queue(entry.queue).unshift(entry)
    }
    if (settlement.kind === 'postpone')
      this.#arrays.queue(entry.queue).push({ ...entry, dueMs: settlement.untilMs })
  }

  #beginAfter(queue: string): void {
    const next = this.#queues.indexOf(queue) + 1
    this.#queues = [...this.#queues.slice(next), ...this.#queues.slice(0, next)]
  }

  #claim(): void {
    const free = this.#isPaused ? 0 : this.#options.free()
    const nowMs = this.#options.clock.now()
    const due = this.#queues.flatMap((name) => this.#arrays.queue(name).filter((one) => one.dueMs <= nowMs))
    const deliveries = due.slice(0, free).map((entry) => {
      const entries = this.#arrays.queue(entry.queue)
      entries.splice(entries.indexOf(entry), 1)
      const tag = `${this.#options.holder}.${++this.#tags}`
      this.held.set(tag, entry)
      const { message, raw, queue, redeliveries } = entry
      return { tag, queue, raw, message: { ...message, redelivered: redeliveries > 0 }, redeliveries }
    })
    const last = deliveries.at(-1)
    if (last && this.#options.queueOrder === 'round_robin') this.#beginAfter(last.queue)
    if (deliveries.length > 0) this.#options.onDeliveries(deliveries)
    clearTimeout(this.#timer)
    const waiting = this.#queues.flatMap((name) => this.#arrays.queue(name).map(({ dueMs }) => dueMs))
    const nextMs = Math.min(...waiting.filter((dueMs) => dueMs > nowMs))
    if (!this.#isPaused && Number.isFinite(nextMs))
      this.#timer = setTimeout(() => this.#claim(), nextMs - nowMs)
  }
}

/** A broker of arrays, about as little as one can be: first in, first out, no leases, no broadcasts, one process. */
class ArrayBroker implements Broker {
  readonly kind = 'array'
  readonly capabilities: BrokerCapabilities = {
    priorities: false,
    durableDelay: true,
    leases: false,
    atomicSettle: true,
    fanout: false,
    delayAtPublish: true,
    browsing: false,
    once: false,
    shared: false,
  }
  readonly location: string
  readonly deadLetters: DeadLetterStore
  readonly admin: QueueAdmin
  readonly #own = new Set<ArrayConsumer>()
  #open: Arrays | undefined

  constructor(location: string, arrays: Arrays) {
    this.location = location
    this.#open = arrays
    this.deadLetters = lettersOf(arrays.letters)
    this.admin = adminOf(arrays)
  }

  async check(): Promise<readonly string[]> {
    return []
  }
  async declare(queues: readonly Queue[]): Promise<void> {
    for (const queue of queues) {
      this.#arrays.queue(queue.name)
      this.#arrays.bindings.set(queue.name, bindingOf(queue))
    }
  }
  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    this.#arrays.publish(messages)
  }
  async consume(options: ConsumeOptions): Promise<Consumer> {
    const consumer = new ArrayConsumer(this.#arrays, options)
    this.#own.add(consumer)
    this.#arrays.consumers.add(consumer)
    consumer.demand()
    return consumer
  }
  // `capabilities.fanout` says that there is nobody to hear: the engine asks for none of these.
  async broadcast(): Promise<number> {
    return 0
  }
  async subscribe(): Promise<Unsubscribe> {
    return () => {}
  }
  async reply(): Promise<void> {}
  async inbox(): Promise<Unsubscribe> {
    return () => {}
  }
  async depths(queues: readonly string[]): Promise<ReadonlyMap<string, QueueDepth>> {
    const held = [...this.#arrays.consumers].flatMap((consumer) => [...consumer.held.values()])
    return new Map(
      queues.map((name) => {
        const entries = this.#arrays.queue(name)
        const delayed = entries.filter(({ dueMs }) => dueMs > Date.now()).length
        const unacked = held.filter(({ queue }) => queue === name).length
        return [name, { ready: entries.length - delayed, delayed, unacked }]
      }),
    )
  }
  async purge(queue: string): Promise<number> {
    return this.#arrays.queue(queue).splice(0).length
  }
  async close(): Promise<void> {
    for (const consumer of this.#own) await consumer.close()
    this.#open = undefined
  }

  get #arrays(): Arrays {
    if (this.#open) return this.#open
    throw new ConnectionError(`${this.location} is closed.`, { code: 'LVG_CONNECTION_CLOSED' })
  }
}

const lettersOf = (byId: Map<string, DeadLetter>): DeadLetterStore => ({
  add: async (letters) => {
    for (const letter of letters) if (!byId.has(letter.id)) byId.set(letter.id, letter)
  },
  list: async (query) => listLetters(byId.values(), query),
  count: async () => {
    const counts = new Map<string, number>()
    for (const { queue } of byId.values()) counts.set(queue, (counts.get(queue) ?? 0) + 1)
    return counts
  },
  take: async (ids) => {
    const taken = ids.flatMap((id) => byId.get(id) ?? [])
    for (const { id } of taken) byId.delete(id)
    return taken
  },
})

/** `capabilities.browsing` says that single messages are not shown: the engine asks for queues and moves alone. */
const adminOf = (arrays: Arrays): QueueAdmin => ({
  queues: async () => [...arrays.queues.keys()],
  bindings: async () => [...arrays.bindings.values()],
  browse: async () => ({ items: [] }),
  find: async () => [],
  remove: async () => 0,
  promote: async () => 0,
  move: async (from, to) => {
    const moved = arrays.queue(from).splice(0)
    arrays.queue(to).push(...moved.map((entry) => ({ ...entry, queue: to })))
    arrays.wake()
    return moved.length
  },
})

const opened = new Map<string, Arrays>()

/** Opens the broker that `array://name` names. */
export async function openArrayBroker(url: string): Promise<Broker> {
  const arrays = opened.get(url) ?? new Arrays()
  opened.set(url, arrays)
  return new ArrayBroker(url, arrays)
}

registerDriver('array', { reach: 'process', broker: async () => openArrayBroker })

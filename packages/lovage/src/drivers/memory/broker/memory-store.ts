import type { Binding } from '../../../broker/index.js'
import { priorityToWire, type Queue } from '../../../broker/index.js'
import { encodeEnvelope } from '../../../envelope/index.js'
import { type Clock, newId, type Timer } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { bindingOf, route } from '../../shared/index.js'
import { memoryDeadLetters } from '../letters/memory-dead-letters.js'
import { DueHeap } from './due-heap.js'
import { type Entry, MemoryQueue } from './memory-queue.js'

/** Keys of `once` are swept when this many have been added since the last sweep. */
const SWEEP_AFTER_KEYS = 1000

/** State shared by the brokers of one name: queues, delayed messages, bindings, subscriptions and dead letters. */
export class MemoryStore {
  readonly clock: Clock
  readonly queues = new Map<string, MemoryQueue>()
  readonly delayed = new DueHeap<Entry>()
  readonly deadLetters = memoryDeadLetters()
  readonly #bindings = new Map<string, Binding[]>()
  readonly #onceKeys = new Map<string, number>()
  #keysSinceSweep = 0
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.clock = clock
  }

  queue(name: string): MemoryQueue {
    const known = this.queues.get(name)
    if (known) return known
    const queue = new MemoryQueue(name)
    this.queues.set(name, queue)
    return queue
  }

  get bindings(): readonly Binding[] {
    return [...this.#bindings.values()].flat()
  }

  declare(declared: Queue): void {
    this.queue(declared.name)
    const binding = bindingOf(declared)
    const same = this.#bindings.get(binding.exchange) ?? []
    const isKnown = same.some((one) => one.queue === binding.queue && one.routingKey === binding.routingKey)
    if (!isKnown) this.#bindings.set(binding.exchange, [...same, binding])
  }

  /** All or nothing: routes every message before it takes the first. */
  publish(messages: readonly OutgoingMessage[]): void {
    const routes = messages.map((message) => this.route(message))
    messages.forEach((message, index) => {
      this.take(message, routes[index] ?? [])
    })
  }

  route(message: OutgoingMessage): readonly string[] {
    return route(message, (exchange) => this.#bindings.get(exchange) ?? [])
  }

  take(message: OutgoingMessage, queues: readonly string[]): void {
    if (message.once && !this.#isFirst(message.once)) return
    const { dueMs = 0 } = message
    const wire = priorityToWire(message.properties.priority)
    for (const name of queues) {
      const queue = this.queue(name)
      const entry: Entry = {
        message: incomingOf(message, false),
        queue,
        level: 9 - wire,
        redeliveries: 0,
        dueMs,
        behind: false,
        raw: undefined,
        tag: '',
      }
      if (dueMs > 0 && dueMs > this.clock.now()) this.delay(entry, dueMs)
      else {
        queue.push(entry)
        queue.wake()
      }
    }
  }

  /** Puts an entry that is in no queue into the delay store. */
  delay(entry: Entry, untilMs: number, behind = false): void {
    entry.dueMs = untilMs
    entry.behind = behind
    entry.queue.delayed++
    this.delayed.push(entry)
    this.arm()
  }

  /** Ensures that the earliest delayed entry is promoted when it is due. */
  arm(): void {
    const dueMs = this.delayed.peek()?.dueMs ?? Number.POSITIVE_INFINITY
    if (dueMs === this.#timerDueMs) return
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    if (dueMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.clock.setTimer(() => this.#promote(), dueMs - this.clock.now())
  }

  /** The message as kombu's envelope. */
  rawOf(entry: Entry): string {
    entry.raw ??= encodeEnvelope(entry.message, priorityToWire, newId())
    return entry.raw
  }

  close(): void {
    this.#timer?.cancel()
  }

  #promote(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY
    const nowMs = this.clock.now()
    const woken = new Set<MemoryQueue>()
    for (let entry = this.delayed.peek(); entry && entry.dueMs <= nowMs; entry = this.delayed.peek()) {
      this.delayed.pop()
      entry.queue.delayed--
      if (entry.behind) entry.queue.push(entry)
      else entry.queue.pushDue(entry)
      woken.add(entry.queue)
    }
    for (const queue of woken) queue.wake()
    this.arm()
  }

  #isFirst({ key, ttlMs }: { readonly key: string; readonly ttlMs: number }): boolean {
    const nowMs = this.clock.now()
    if ((this.#onceKeys.get(key) ?? 0) > nowMs) return false
    this.#onceKeys.set(key, nowMs + ttlMs)
    if (++this.#keysSinceSweep > SWEEP_AFTER_KEYS) {
      this.#keysSinceSweep = 0
      for (const [old, expiresMs] of this.#onceKeys) if (expiresMs <= nowMs) this.#onceKeys.delete(old)
    }
    return true
  }
}

/** The message as a consumer receives it. Written out, because this runs for every task and a spread takes ten times as long. */
export function incomingOf(
  message: OutgoingMessage | IncomingMessage,
  redelivered: boolean,
): IncomingMessage {
  return {
    headers: message.headers,
    body: message.body,
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    properties: message.properties,
    exchange: message.exchange,
    routingKey: message.routingKey,
    redelivered,
  }
}

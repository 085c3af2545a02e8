import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../../broker/index.js'
import { ConnectionError, crashPoint, FleetingMap } from '../../../kernel/index.js'
import type { IncomingMessage } from '../../../message/index.js'
import { QueueTurns } from '../../shared/index.js'
import type { Entry, MemoryQueue } from './memory-queue.js'
import { incomingOf, type MemoryStore } from './memory-store.js'

/** The reply to nearly every settlement; made once. */
const ALL_OURS: Promise<readonly string[]> = Promise.resolve([])

/** Tags are unique in the process. */
let lastTag = 0

/** A claim; the envelope is serialised only on demand. */
class MemoryDelivery implements Delivery {
  readonly tag: string
  readonly queue: string
  readonly message: IncomingMessage
  readonly redeliveries: number
  readonly #entry: Entry
  readonly #store: MemoryStore

  constructor(entry: Entry, store: MemoryStore) {
    this.tag = entry.tag
    this.queue = entry.queue.name
    this.message = entry.message
    this.redeliveries = entry.redeliveries
    this.#entry = entry
    this.#store = store
  }

  get raw(): string {
    return this.#store.rawOf(this.#entry)
  }
}

/**
 * Claims a batch per turn of the event loop, as large as there are free slots. There are no leases: a holder in this process
 * cannot be lost without the messages.
 */
export class MemoryConsumer implements Consumer {
  readonly settlesResults = false
  readonly #store: MemoryStore
  readonly #options: ConsumeOptions
  readonly #held = new FleetingMap<Entry>()
  readonly #wake = (): void => this.demand()
  readonly #onClose: () => void
  // Without a connection, nothing else would keep alive a process that only waits for messages.
  readonly #alive = setInterval(() => {}, 2 ** 30)
  readonly #queues: QueueTurns<MemoryQueue>
  #state: 'consuming' | 'paused' | 'closed' = 'consuming'
  #isScheduled = false

  constructor(store: MemoryStore, options: ConsumeOptions, onClose: () => void) {
    this.#store = store
    this.#options = options
    this.#onClose = onClose
    this.#queues = new QueueTurns(options)
    this.#listen(options.queues)
  }

  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    if (this.#state === 'closed') return Promise.reject(closed())
    let refused: string[] | undefined
    let requeued: Entry[] | undefined
    try {
      for (const settlement of settlements) {
        const entry = this.#held.get(settlement.tag)
        if (!entry) {
          refused ??= []
          refused.push(settlement.tag)
          continue
        }
        // Routed before any effect: a continuation without a queue must not cost the message.
        const routes = settlement.publish?.map((message) => this.#store.route(message))
        this.#held.delete(settlement.tag)
        entry.queue.held--
        routes?.forEach((queues, index) => {
          const message = settlement.publish?.[index]
          if (message) this.#store.take(message, queues)
        })
        if (settlement.kind === 'postpone') this.#store.delay(entry, settlement.untilMs, settlement.behind)
        else if (settlement.kind === 'dead-letter') this.#store.deadLetters.put([settlement.letter])
        else if (settlement.kind === 'requeue') {
          if (settlement.counts) countLoss(entry)
          requeued ??= []
          requeued.push(entry)
        }
      }
    } catch (error) {
      return Promise.reject(error)
    } finally {
      if (requeued) giveBack(requeued)
      this.demand()
    }
    return refused ? Promise.resolve(refused) : ALL_OURS
  }

  demand(): void {
    if (this.#isScheduled || this.#state !== 'consuming') return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#claim()
    })
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    this.#listen(queues)
  }

  async pause(): Promise<void> {
    if (this.#state === 'consuming') this.#state = 'paused'
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearInterval(this.#alive)
    this.#unlisten()
    const lost = this.#held.values()
    this.#held.clear()
    for (const entry of lost) {
      entry.queue.held--
      countLoss(entry)
    }
    giveBack(lost)
    this.#onClose()
  }

  /** The currently claimed messages, for operators. */
  held(): Iterable<Entry> {
    return this.#held.values()
  }

  #claim(): void {
    if (this.#state !== 'consuming') return
    const free = this.#options.free()
    const deliveries: Delivery[] = []
    for (const queue of this.#queues.now) {
      while (deliveries.length < free) {
        const entry = queue.shift()
        if (!entry) break
        entry.tag = String(++lastTag)
        this.#held.set(entry.tag, entry)
        queue.held++
        deliveries.push(new MemoryDelivery(entry, this.#store))
        this.#queues.took(queue)
      }
    }
    if (deliveries.length === 0) return
    crashPoint('claim:after')
    this.#options.onDeliveries(deliveries)
  }

  #listen(queues: readonly string[]): void {
    this.#unlisten()
    this.#queues.set(queues.map((name) => this.#store.queue(name)))
    for (const queue of this.#queues.listed) queue.listeners.add(this.#wake)
    this.demand()
  }

  #unlisten(): void {
    for (const queue of this.#queues.listed) queue.listeners.delete(this.#wake)
  }
}

function countLoss(entry: Entry): void {
  entry.redeliveries++
  entry.message = incomingOf(entry.message, true)
}

/** Returns claims to the heads of their queues, in the order in which they were claimed. */
function giveBack(entries: readonly Entry[]): void {
  for (const entry of [...entries].sort((a, b) => Number(b.tag) - Number(a.tag))) {
    entry.queue.unshift(entry)
    entry.queue.wake()
  }
}

/** The reply of a closed broker or consumer. */
export function closed(): ConnectionError {
  return new ConnectionError('The memory broker was closed', { code: 'LVG_CONNECTION_CLOSED' })
}

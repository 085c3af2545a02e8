import type { Broker, ConsumeOptions, Consumer, Delivery, Settlement } from '../../broker/index.js'
import { type Clock, delay, isLovageError, type Logger, MessageError, messageOf } from '../../kernel/index.js'
import { hasReference, readReference, withPayload } from '../../payload/index.js'
import type { ResultBackend, TaskResult } from '../../result/index.js'
import { delegate } from './delegate.js'
import type { PayloadBox } from './payload-box.js'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** Payloads that a consumer fetches at once. */
const AT_ONCE = 8

/** The backends below those that keep large values elsewhere: drivers recognise their own. */
const below = new WeakMap<ResultBackend, { readonly results: ResultBackend; readonly box: PayloadBox }>()

/** A broker whose large bodies are kept elsewhere (`largePayloadUrl`). A body is stored before its message is published. */
export function withPayloads(broker: Broker, box: PayloadBox): Broker {
  const { publishIn } = broker
  let before: Promise<unknown> = Promise.resolve()
  return {
    ...delegate(broker),
    async publish(messages) {
      if (!box.concerns(messages)) return broker.publish(messages)
      // Stored at the same time, published in the order of the calls.
      const offloading = box.offload(messages)
      const mine = before.then(() => offloading)
      before = mine.catch(() => {
        // The caller of that publication has its error.
      })
      return broker.publish(await mine)
    },
    ...(publishIn
      ? {
          publishIn: async (transaction, messages, queues) =>
            publishIn.call(broker, transaction, await box.offload(messages), queues),
        }
      : {}),
    consume: (options) => consumeWith(broker, box, options),
    async close() {
      await broker.close()
      await box.close()
    },
  }
}

/** A result backend whose large values are kept elsewhere. A value is stored before its record. */
export function withLargeResults(results: ResultBackend, box: PayloadBox, logs: Logs): ResultBackend {
  const { joins, expectReplies } = results
  const wrapped: ResultBackend = {
    kind: results.kind,
    location: results.location,
    expiresItself: results.expiresItself,
    ...(joins ? { joins } : {}),
    ...(expectReplies ? { expectReplies: () => expectReplies.call(results) } : {}),
    store: async (records) => results.store(await box.offloadResults(records)),
    get: async (ids) => Promise.all((await results.get(ids)).map((one) => box.resolve(one))),
    watch(ids, on) {
      const over = new AbortController()
      const tell = async (result: TaskResult): Promise<void> => {
        const resolved = await persist('read a large result', () => box.resolve(result), over.signal, logs)
        if (!over.signal.aborted) on(resolved)
      }
      const end = results.watch(ids, (result) => {
        tell(result).catch((error: unknown) => {
          if (!over.signal.aborted)
            logs.logger.error({ err: error, task_id: result.id }, 'a result listener failed')
        })
      })
      return () => {
        over.abort()
        end()
      }
    },
    forget: (ids) => results.forget(ids),
    prune: (beforeMs) => results.prune(beforeMs),
    async close() {
      await results.close()
      await box.close()
    },
  }
  below.set(wrapped, { results, box })
  return wrapped
}

interface Logs {
  readonly clock: Clock
  readonly logger: Logger
}

async function consumeWith(broker: Broker, box: PayloadBox, options: ConsumeOptions): Promise<Consumer> {
  const { results, ...rest } = options
  const inner = results && below.get(results)
  const intake = new PayloadIntake(box, options)
  const consumer = await broker.consume({
    ...rest,
    ...(results ? { results: inner?.results ?? results } : {}),
    free: () => options.free() - intake.size,
    onDeliveries: (deliveries) => intake.take(deliveries),
    onLost(tags) {
      intake.lose(tags)
      options.onLost(tags)
    },
  })
  intake.onDone = () => consumer.demand()
  const { releaseDead } = consumer
  const closing = new AbortController()
  const light = async (settlement: Settlement): Promise<Settlement> => {
    const { publish, results: records } = settlement
    return {
      ...settlement,
      ...(publish ? { publish: await box.offload(publish) } : {}),
      ...(records && inner ? { results: await inner.box.offloadResults(records) } : {}),
    }
  }
  return {
    settlesResults: consumer.settlesResults,
    async settle(settlements) {
      const all = async (): Promise<readonly Settlement[]> => Promise.all(settlements.map(light))
      const needsStore = settlements.some(({ publish, results: records }) => publish ?? records)
      // The claims are held and renewed meanwhile.
      return consumer.settle(
        needsStore ? await persist('store large payloads', all, closing.signal, options) : settlements,
      )
    },
    demand: () => consumer.demand(),
    ...(releaseDead ? { releaseDead: (holders) => releaseDead.call(consumer, holders) } : {}),
    setQueues: (queues) => consumer.setQueues(queues),
    async pause() {
      await consumer.pause()
      const tags = intake.stop()
      if (tags.length === 0) return
      await consumer
        .settle(tags.map((tag) => ({ tag, kind: 'requeue', counts: false }) as const))
        .catch((error: unknown) =>
          options.logger.warn(
            { err: error, count: tags.length },
            'could not hand messages back; they return to their queues when their leases expire',
          ),
        )
    },
    close() {
      closing.abort(new Error('the consumer is closed'))
      intake.stop()
      return consumer.close()
    },
  }
}

/** A delivery whose body is being fetched. */
interface Pending {
  readonly delivery: Delivery
  readonly dropped: AbortController
  whole?: Delivery
}

/** Deliveries whose bodies are being fetched: claimed, and not yet handed over. They are handed over in the order of their claims. */
class PayloadIntake {
  readonly #box: PayloadBox
  readonly #options: ConsumeOptions
  #pending: Pending[] = []
  readonly #waiting: (() => void)[] = []
  #fetching = 0
  /** Called when some were handed over. */
  onDone: () => void = () => {}

  constructor(box: PayloadBox, options: ConsumeOptions) {
    this.#box = box
    this.#options = options
  }

  get size(): number {
    return this.#pending.length
  }

  take(deliveries: readonly Delivery[]): void {
    const isLarge = ({ message, fault }: Delivery): boolean =>
      !fault && !(message instanceof Error) && hasReference(message)
    const whole = deliveries.filter((one) => !isLarge(one))
    for (const delivery of deliveries) {
      if (!isLarge(delivery)) continue
      const pending: Pending = { delivery, dropped: new AbortController() }
      this.#pending.push(pending)
      void this.#fetch(pending)
    }
    if (whole.length > 0) this.#options.onDeliveries(whole)
  }

  /** Another consumer has these now. */
  lose(tags: readonly string[]): void {
    const lost = new Set(tags)
    this.#drop(({ delivery }) => lost.has(delivery.tag))
    this.#handOver()
  }

  /** Hands over nothing more; returns the tags that are still held. */
  stop(): readonly string[] {
    const tags = this.#pending.map(({ delivery }) => delivery.tag)
    this.#drop(() => true)
    return tags
  }

  #drop(which: (pending: Pending) => boolean): void {
    for (const one of this.#pending)
      if (which(one)) one.dropped.abort(new Error('the message is no longer held'))
    this.#pending = this.#pending.filter(({ dropped }) => !dropped.signal.aborted)
  }

  #handOver(): void {
    const first = this.#pending.findIndex(({ whole }) => whole === undefined)
    const ready = this.#pending.splice(0, first < 0 ? this.#pending.length : first)
    if (ready.length === 0) return
    this.#options.onDeliveries(ready.flatMap(({ whole }) => whole ?? []))
    this.onDone()
  }

  async #fetch(pending: Pending): Promise<void> {
    const { delivery, dropped } = pending
    try {
      await this.#turn()
      const what = 'fetch a large payload'
      pending.whole = await persist(what, () => this.#whole(delivery), dropped.signal, this.#options)
    } catch (error) {
      // Dropped: it is in other hands. All that the store may throw is retried.
      if (dropped.signal.aborted) return
      const fault = new MessageError(`Its payload cannot be taken in: ${messageOf(error)}`, {
        code: 'LVG_PAYLOAD_MISSING',
        cause: error,
      })
      pending.whole = changed(delivery, { fault })
    } finally {
      this.#fetching--
      this.#waiting.shift()?.()
    }
    this.#handOver()
  }

  /** Waits for one of the few places. */
  async #turn(): Promise<void> {
    if (this.#fetching++ >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async #whole(delivery: Delivery): Promise<Delivery> {
    const { message } = delivery
    if (message instanceof Error) return delivery
    const reference = readReference(message)
    if (reference instanceof Error) return changed(delivery, { fault: reference })
    const bytes = await this.#box.fetch(reference)
    if (bytes instanceof Error) return changed(delivery, { fault: bytes })
    return changed(delivery, { message: withPayload(message, reference, bytes) })
  }
}

/** A delivery with other parts; `raw` is written out only when it is read. */
const changed = (delivery: Delivery, parts: Partial<Pick<Delivery, 'message' | 'fault'>>): Delivery => ({
  tag: delivery.tag,
  queue: delivery.queue,
  message: delivery.message,
  redeliveries: delivery.redeliveries,
  get raw() {
    return delivery.raw
  },
  ...parts,
})

/** Repeats work until the store is back. Errors that waiting cannot mend are thrown. */
async function persist<T>(
  what: string,
  work: () => Promise<T>,
  signal: AbortSignal,
  { clock, logger }: Logs,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (signal.aborted || error instanceof MessageError || isClosed(error)) throw error
      logger.error({ err: error, pause_ms: pauseMs }, `could not ${what}; retrying`)
      await delay(clock, pauseMs, signal)
    }
  }
}

const isClosed = (error: unknown): boolean => isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED'

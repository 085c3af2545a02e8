import type { Broker, ConsumeOptions, Consumer, Delivery } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import {
  type DriverOptions,
  isLovageError,
  newId,
  silentLogger,
  systemClock,
} from '../../packages/lovage/src/kernel/index.js'
import type { OutgoingMessage } from '../../packages/lovage/src/message/index.js'

export const driverOptions = (settings: DriverOptions['settings'] = {}): DriverOptions => ({
  settings,
  clock: systemClock,
  logger: silentLogger,
})

/** A small task message for a queue. */
export const taskMessage = (
  queue: string,
  id: string,
  over: Partial<OutgoingMessage> = {},
): OutgoingMessage => ({
  headers: { lang: 'js', task: 'test.task', id, retries: 0, eta: null },
  body: '[[1, 2], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  properties: { correlationId: id, replyTo: null, deliveryMode: 2 },
  exchange: '',
  routingKey: queue,
  ...over,
})

/** Ids that sort in their order. */
export const idsOf = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `task-${String(index).padStart(6, '0')}`)

/** The task id of a delivery; fails when it is no message. */
export function idOf({ message }: Delivery): string {
  if (!('headers' in message)) throw message
  return String(message.headers.id)
}

/** What a producer may try again; at worst a message is there twice under its id. */
const PASSING: ReadonlySet<string> = new Set([
  'LVG_CONNECTION_FAILED',
  'LVG_PUBLISH_UNCERTAIN',
  'LVG_RABBITMQ_REFUSED',
])

/** Publishes until the server has them all: a producer's own patience. */
export async function publishPatiently(producer: Broker, ids: readonly string[], queue = 'q'): Promise<void> {
  for (let at = 0; at < ids.length; ) {
    try {
      await producer.publish(ids.slice(at, at + 50).map((id) => taskMessage(queue, id)))
      at += 50
    } catch (error) {
      if (!isLovageError(error) || !PASSING.has(error.code)) throw error
      // A server that is away refuses at once.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

/** A worker of the simplest kind: counts what it gets, then acknowledges it. */
export class CountingWorker {
  readonly broker: Broker
  readonly runs = new Map<string, number>()
  readonly errors: unknown[] = []
  readonly lost: string[] = []
  /** Tags whose settlement was refused. */
  readonly refused: string[] = []
  readonly deliveries: Delivery[] = []
  readonly #slots: number
  #held = 0
  #consumer: Consumer | undefined

  private constructor(broker: Broker, slots: number) {
    this.broker = broker
    this.#slots = slots
  }

  static async start(
    url: string,
    options: Partial<ConsumeOptions> & {
      readonly slots?: number
      readonly settings?: Readonly<Record<string, unknown>>
      /** What happens between delivery and ack; default nothing. */
      readonly run?: (delivery: Delivery) => Promise<void>
      /** False leaves the acks to the test. */
      readonly acks?: boolean
    } = {},
  ): Promise<CountingWorker> {
    const { slots = 50, settings, run, acks = true, ...consume } = options
    const broker = await openBroker(url, driverOptions(settings))
    const worker = new CountingWorker(broker, slots)
    worker.#consumer = await broker.consume({
      queues: ['q'],
      holder: `test-${newId()}`,
      leaseMs: 2_000,
      visibilityTimeoutMs: 3_600_000,
      free: () => worker.#slots - worker.#held,
      onDeliveries: (deliveries) => {
        worker.#held += deliveries.length
        worker.deliveries.push(...deliveries)
        for (const delivery of deliveries) void worker.#work(delivery, run, acks)
      },
      onLost: (tags) => {
        worker.lost.push(...tags)
      },
      onError: (error) => worker.errors.push(error),
      clock: systemClock,
      logger: silentLogger,
      ...consume,
    })
    return worker
  }

  get consumer(): Consumer {
    if (!this.#consumer) throw new Error('not started')
    return this.#consumer
  }

  async #work(delivery: Delivery, run: ((delivery: Delivery) => Promise<void>) | undefined, acks: boolean) {
    await run?.(delivery)
    const id = idOf(delivery)
    this.runs.set(id, (this.runs.get(id) ?? 0) + 1)
    if (!acks) return
    this.#held--
    this.refused.push(...(await this.consumer.settle([{ kind: 'ack', tag: delivery.tag }])))
  }

  async close(): Promise<void> {
    await this.broker.close()
  }
}

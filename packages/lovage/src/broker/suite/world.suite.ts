import { expect } from 'vitest'
import { isLovageError, newId, silentLogger, systemClock } from '../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../message/index.js'
import type { ResultBackend } from '../../result/index.js'
import type { Broker, ConsumeOptions, Consumer, Delivery, Settlement } from '../broker.js'
import type { BrokerServer, BrokerUnderTest } from './under-test.suite.js'

/** Long enough that no test waits for it by accident. */
const LONG_LEASE_MS = 60_000

/** One test's view: a broker, a queue of its own, and everything that must be closed afterwards. */
export class World implements AsyncDisposable {
  readonly server: BrokerServer
  readonly driver: BrokerUnderTest
  readonly broker: Broker
  /** A declared queue that no other test uses. */
  readonly queue: string
  readonly #consumers: TestConsumer[] = []
  readonly #brokers: Broker[]
  readonly #endings: (() => Promise<void>)[] = []

  private constructor(server: BrokerServer, driver: BrokerUnderTest, broker: Broker, queue: string) {
    this.server = server
    this.driver = driver
    this.broker = broker
    this.queue = queue
    this.#brokers = [broker]
  }

  static async create(server: BrokerServer, driver: BrokerUnderTest): Promise<World> {
    const world = new World(server, driver, await server.open(), newName('q'))
    await world.declare(world.queue)
    return world
  }

  async declare(...names: string[]): Promise<void> {
    await this.broker.declare(names.map((name) => ({ name, maxPriority: 9 })))
  }

  /** A second queue. */
  async newQueue(): Promise<string> {
    const name = newName('q')
    await this.declare(name)
    return name
  }

  /** A separate broker, as in another process. */
  async otherBroker(): Promise<Broker> {
    const broker = await this.server.open()
    this.#brokers.push(broker)
    return broker
  }

  /** Consumes this world's queue from this world's broker unless told otherwise. */
  async consume(
    options: Partial<ConsumeOptions> & { broker?: Broker; slots?: number } = {},
  ): Promise<TestConsumer> {
    const consumer = await TestConsumer.start(options.broker ?? this.broker, {
      queues: [this.queue],
      ...options,
    })
    this.#consumers.push(consumer)
    return consumer
  }

  async publish(...messages: OutgoingMessage[]): Promise<void> {
    await this.broker.publish(messages)
  }

  /** Expects these counts of ready and delayed messages, the latter where the broker counts them. */
  async expectDepth(queue: string, ready: number, delayed: number): Promise<void> {
    const depth = (await this.broker.depths([queue])).get(queue)
    expect({ ready: depth?.ready, delayed: depth?.delayed ?? delayed }).toEqual({ ready, delayed })
  }

  async openResults(): Promise<ResultBackend> {
    const results = await this.server.openResults?.()
    if (!results) throw new Error('the test did not say that it needs openResults')
    this.#endings.push(() => results.close())
    return results
  }

  async expireLease(consumer: TestConsumer): Promise<void> {
    await this.server.expireLease?.(consumer.holder)
  }

  /** Closes all consumers and brokers, restarts the server, and opens a new broker. */
  async restart(): Promise<Broker> {
    await this.#closeAll()
    await this.server.restart?.()
    return this.otherBroker()
  }

  expectNoErrors(): void {
    expect(this.#consumers.flatMap((consumer) => consumer.errors)).toEqual([])
  }

  async #closeAll(): Promise<void> {
    for (const consumer of this.#consumers.splice(0)) await consumer.close()
    for (const end of this.#endings.splice(0)) await end()
    for (const broker of this.#brokers.splice(0)) await broker.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeAll()
  }
}

/** A consumer with slots: a delivery takes one until it is settled. */
export class TestConsumer {
  readonly holder = `suite-${newId()}`
  readonly deliveries: Delivery[] = []
  readonly lost: string[] = []
  readonly errors: unknown[] = []
  /** The number of deliveries in each call. */
  readonly batches: number[] = []
  slots: number
  #held = 0
  #consumer: Consumer | undefined

  private constructor(slots: number) {
    this.slots = slots
  }

  static async start(
    broker: Broker,
    options: Partial<ConsumeOptions> & { slots?: number },
  ): Promise<TestConsumer> {
    const consumer = new TestConsumer(options.slots ?? 1000)
    consumer.#consumer = await broker.consume({
      queues: [],
      holder: consumer.holder,
      leaseMs: LONG_LEASE_MS,
      visibilityTimeoutMs: 3_600_000,
      free: () => consumer.slots - consumer.#held,
      onDeliveries: (deliveries) => {
        consumer.#held += deliveries.length
        consumer.batches.push(deliveries.length)
        consumer.deliveries.push(...deliveries)
      },
      onLost: (tags) => consumer.lost.push(...tags),
      onError: (error) => consumer.errors.push(error),
      clock: systemClock,
      logger: silentLogger,
      ...options,
    })
    return consumer
  }

  /** The driver's own. */
  get inner(): Consumer {
    if (!this.#consumer) throw new Error('not started')
    return this.#consumer
  }

  /** Task ids in the order of delivery. */
  get ids(): string[] {
    return this.deliveries.map(idOf)
  }

  /** Waits until `count` messages have arrived in total; returns them all. */
  async received(count: number, withinMs = 10_000): Promise<readonly Delivery[]> {
    await until(
      () => this.deliveries.length >= count,
      withinMs,
      () => `${this.deliveries.length} of ${count} came`,
    )
    return this.deliveries
  }

  /** Waits for the first message. */
  async first(): Promise<Delivery> {
    const [delivery] = await this.received(1)
    if (!delivery) throw new Error('unreachable')
    return delivery
  }

  async settle(...settlements: Settlement[]): Promise<readonly string[]> {
    this.#held -= settlements.length
    return this.inner.settle(settlements)
  }

  async ack(...deliveries: readonly Delivery[]): Promise<readonly string[]> {
    return this.settle(...deliveries.map(({ tag }) => ({ kind: 'ack', tag }) as const))
  }

  async close(): Promise<void> {
    await this.inner.close()
  }
}

let numbers = 0

/** A name that no other test, in this process or another, uses. */
export const newName = (prefix: string): string => `${prefix}-${newId().slice(0, 8)}-${++numbers}`

/** A small task message for a queue. */
export function message(
  queue: string,
  options: {
    readonly id?: string
    readonly task?: string
    readonly headers?: Readonly<Record<string, unknown>>
    readonly body?: string
    readonly priority?: number
    readonly expiration?: string
    readonly exchange?: string
    readonly dueMs?: number
    readonly once?: OutgoingMessage['once']
  } = {},
): OutgoingMessage {
  const id = options.id ?? newId()
  const { priority, expiration, dueMs, once } = options
  return {
    headers: {
      lang: 'js',
      task: options.task ?? 'suite.task',
      id,
      retries: 0,
      eta: null,
      ...options.headers,
    },
    body:
      options.body ?? '[[1, "é"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: {
      correlationId: id,
      replyTo: null,
      deliveryMode: 2,
      ...(priority === undefined ? {} : { priority }),
      ...(expiration === undefined ? {} : { expiration }),
    },
    exchange: options.exchange ?? '',
    routingKey: queue,
    ...(dueMs === undefined ? {} : { dueMs }),
    ...(once === undefined ? {} : { once }),
  }
}

/** Messages with these ids, in this order. */
export const messages = (queue: string, ids: readonly string[]): OutgoingMessage[] =>
  ids.map((id) => message(queue, { id }))

/** `count` ids that sort in their order. */
export function idsOf(count: number): string[] {
  const prefix = newName('t')
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(6, '0')}`)
}

type Few<Count extends number, Ids extends string[] = []> = Ids['length'] extends Count
  ? Ids
  : Few<Count, [...Ids, string]>

/** A few ids to take apart: `const [a, b] = few(2)`. */
export function few<Count extends 1 | 2 | 3 | 4 | 5 | 6>(count: Count): Few<Count> {
  // The tuple's length is the argument.
  return idsOf(count) as Few<Count>
}

/** The message of a delivery; fails when it is none. */
export function incoming({ message }: Delivery): IncomingMessage {
  if (isLovageError(message)) throw message
  return message
}

export const idOf = (delivery: Delivery): string => String(incoming(delivery).headers.id)

/** Polls until `condition` holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
  state: () => string = () => '',
): Promise<void> {
  const endMs = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not within ${withinMs} ms: ${condition} ${state()}`)
    await pass(5)
  }
}

/** Lets time pass, for things that must not happen and so cannot be awaited. */
export const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

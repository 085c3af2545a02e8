import type { Broker, Consumer, Settlement } from '../broker/index.js'
import { type Clock, crashPoint, delay, type Logger } from '../kernel/index.js'
import type { OutgoingMessage } from '../message/index.js'
import type { ResultBackend, ResultRecord } from '../result/index.js'
import type { SettlePlan } from './settle-plan.js'

/** Longest pause between tries while a result store is away. */
const LONGEST_PAUSE_MS = 10_000

/** What the settler works on. */
export interface SettlerPorts {
  readonly broker: Broker
  readonly consumer: () => Consumer
  readonly results: ResultBackend | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly onRefused: (tags: readonly string[]) => void
}

/**
 * Carries plans out, those of one turn of the loop together, in the order that loses nothing: continuation, result,
 * ack. A crash between two of them repeats the task under its id; after the ack nothing is owed.
 */
export class Settler {
  readonly #ports: SettlerPorts
  #plans: SettlePlan[] = []
  #scheduled = false
  readonly #inFlight = new Set<Promise<void>>()

  constructor(ports: SettlerPorts) {
    this.#ports = ports
  }

  /** Takes a plan over. */
  add(plan: SettlePlan): void {
    this.#plans.push(plan)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  /** Begins to carry out what is waiting. */
  flush(): void {
    this.#scheduled = false
    if (this.#plans.length === 0) return
    const plans = this.#plans
    this.#plans = []
    const work: Promise<void> = this.#settle(plans).finally(() => this.#inFlight.delete(work))
    this.#inFlight.add(work)
  }

  /** Resolves when everything that was added has been carried out. */
  async drain(): Promise<void> {
    while (this.#plans.length > 0 || this.#inFlight.size > 0) {
      this.flush()
      await Promise.all(this.#inFlight)
    }
  }

  async #settle(plans: readonly SettlePlan[]): Promise<void> {
    const { broker, onRefused } = this.#ports
    const consumer = this.#ports.consumer()
    const isAtomic = broker.capabilities.atomicSettle
    crashPoint('settle:before')
    // Whatever has no claim to travel with, or cannot travel with it, is published and stored first.
    const alone = plans.flatMap((plan) => (isAtomic && plan.settlement ? [] : plan.publish))
    if (alone.length > 0) await this.#persist('publish', () => this.#publish(alone))
    crashPoint('settle:after-continuation')
    const records = plans.flatMap((plan) => (consumer.settlesResults && plan.settlement ? [] : plan.results))
    if (records.length > 0) await this.#persist('store results', () => this.#store(records))
    crashPoint('settle:after-result')
    const settlements = plans.flatMap((plan) =>
      plan.settlement ? [this.#complete(plan, plan.settlement, isAtomic, consumer)] : [],
    )
    if (settlements.length === 0) return consumer.demand()
    const refused = await consumer.settle(settlements)
    crashPoint('settle:after-ack')
    if (refused.length > 0) onRefused(refused)
  }

  #complete(plan: SettlePlan, settlement: Settlement, isAtomic: boolean, consumer: Consumer): Settlement {
    const publish = isAtomic && plan.publish.length > 0
    const results = consumer.settlesResults && plan.results.length > 0
    if (!publish && !results) return settlement
    return {
      ...settlement,
      ...(publish ? { publish: plan.publish } : {}),
      ...(results ? { results: plan.results } : {}),
    }
  }

  async #publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.#ports.broker.publish(messages)
  }

  async #store(records: readonly ResultRecord[]): Promise<void> {
    await this.#ports.results?.store(records)
  }

  /** Tries until it works: the claims are held and renewed meanwhile, so that waiting loses nothing and giving up would. */
  async #persist(what: string, attempt: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        const pauseMs = Math.min(LONGEST_PAUSE_MS, 100 * 2 ** tries)
        this.#ports.logger.error({ err: error, pause_ms: pauseMs }, `could not ${what}; tries again`)
        await delay(this.#ports.clock, pauseMs)
      }
    }
  }
}

import type { RunEnvironment } from '../app/tasks/index.js'
import type { BrokerCapabilities, Settlement } from '../broker/index.js'
import type { DeadLetter } from '../dead-letter/index.js'
import { counted, crashPoint, delay, InFlight, isLovageError, MessageError } from '../kernel/index.js'
import type { OutgoingMessage } from '../message/index.js'
import type { CompletedJoin, JoinStore, ResultRecord } from '../result/index.js'
import type { Claim } from './claim.js'
import { callErrbacks } from './errbacks.js'
import type { CountedPart, FollowUp, InlineErrback } from './follow-ups.js'
import type { SettlePlan } from './settle-plan.js'
import type { WorkerCore } from './worker-core.js'

/** Longest pause between tries while a result store is away. */
const LONGEST_PAUSE_MS = 10_000

type Core = Pick<WorkerCore, 'app' | 'broker' | 'results' | 'consumer' | 'claims' | 'followUps'> & {
  /** Calls errbacks that want the error itself; undefined = they are not called. */
  readonly environment?: RunEnvironment
}

/** A plan, and the claim that it ends; none for a message that was never taken. */
interface Ending {
  readonly plan: SettlePlan
  readonly claim: Claim | undefined
}

/**
 * Carries out plans, those of one turn of the loop together, in the order that loses nothing: continuation, result,
 * ack. A crash between two of them repeats the task under its id; after the ack nothing is outstanding.
 */
export class Settler {
  readonly #core: Core
  #endings: Ending[] = []
  #scheduled = false
  readonly #declared = new Set<string>()
  readonly #ending = new AbortController()
  readonly #inFlight = new InFlight()

  constructor(core: Core) {
    this.#core = core
  }

  /** Accepts a plan, to be carried out after a promise that never rejects. */
  add(plan: SettlePlan, after?: Promise<void>, claim?: Claim): void {
    if (after) {
      void this.#inFlight.add(after.then(() => this.add(plan, undefined, claim)))
      return
    }
    this.#endings.push({ plan, claim })
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  /** Starts carrying out the pending plans. */
  flush(): void {
    this.#scheduled = false
    if (this.#endings.length === 0) return
    const endings = this.#endings
    this.#endings = []
    void this.#inFlight.add(this.#settle(endings))
  }

  /** Resolves when everything that was added has been carried out. */
  async drain(): Promise<void> {
    while (this.#endings.length > 0 || this.#inFlight.size > 0) {
      this.flush()
      await this.#inFlight.ended()
    }
  }

  /** Stops retrying: plans not carried out return to their queue when their lease ends. */
  abandon(): void {
    this.#ending.abort(new Error('the worker has ended'))
  }

  /** Never rejects. A plan that cannot be carried out does not block others, and is not held for ever. */
  async #settle(endings: readonly Ending[], isRepeat = false): Promise<void> {
    const { app, consumer } = this.#core
    const { logger } = app
    try {
      await this.#carryOutAll(endings, isRepeat)
    } catch (error) {
      if (this.#ending.signal.aborted || isClosed(error)) {
        logger.warn(
          { err: error },
          `${counted(endings.length, 'task')} could not be settled before the end: what is not settled returns to its queue when its lease expires`,
        )
      } else if (endings.length > 1) {
        for (const ending of endings) await this.#settle([ending], true)
      } else {
        const tag = endings[0]?.plan.settlement?.tag
        logger.error({ err: error, tag }, 'a task could not be settled: it returns to its queue')
        // Counted, so that it cannot loop: in the end it is a dead letter.
        if (tag !== undefined)
          await consumer
            .settle([{ tag, kind: 'requeue', counts: true }])
            .catch((fault: unknown) => logger.error({ err: fault, tag }, 'could not hand a task back'))
      }
    }
  }

  async #carryOutAll(endings: readonly Ending[], isRepeat: boolean): Promise<void> {
    const { broker, consumer } = this.#core
    const isAtomic = broker.capabilities.atomicSettle
    crashPoint('settle:before')
    const { followUps, alone, letters, records, settlements } = sort(
      endings,
      isAtomic,
      consumer.settlesResults,
    )
    if (followUps.length > 0) await this.#prepare(followUps)
    if (alone.length > 0) await this.#persist('publish', () => this.#publish(alone))
    crashPoint('settle:after-continuation')
    if (letters.length > 0) await this.#persist('keep dead letters', () => broker.deadLetters.add(letters))
    if (records.length > 0) await this.#persist('store results', () => this.#store(records))
    crashPoint('settle:after-result')
    if (followUps.length > 0) await this.#count(followUps)
    const refused = settlements.length === 0 ? NONE : await consumer.settle(settlements)
    if (settlements.length === 0) consumer.demand()
    crashPoint('settle:after-ack')
    // Steps done in the first attempt are refused in the second.
    const lost = isRepeat ? NONE : refused
    for (const { plan, claim } of endings) {
      if (!claim) continue
      if (lost.length > 0 && plan.settlement && lost.includes(plan.settlement.tag))
        this.#core.claims.return(claim, 'lost')
      else this.#core.claims.settled(claim)
    }
    if (lost.length > 0) consumer.demand()
    for (const { tag, publish } of settlements)
      if (publish && !refused.includes(tag)) this.#tellPublished(publish)
  }

  /** Ensures that queues and chords exist before anything that needs them is sent. */
  async #prepare(followUps: readonly FollowUp[]): Promise<void> {
    for (const error of followUps.flatMap(({ faults }) => faults))
      this.#core.app.logger.error({ err: error }, 'a signature in a message could not be used')
    const queues = new Map(followUps.flatMap(({ queues }) => queues.map((queue) => [queue.name, queue])))
    for (const name of this.#declared) queues.delete(name)
    if (queues.size > 0) {
      await this.#persist('declare queues', () => this.#core.broker.declare([...queues.values()]))
      for (const name of queues.keys()) this.#declared.add(name)
    }
    const opened = followUps.flatMap(({ joins }) => joins)
    if (opened.length === 0) return
    const complete = await this.#joins('open chords', (joins) => joins.open(opened))
    await Promise.all(complete.map((join) => this.complete(join)))
  }

  /** Calls errbacks, counts members, and sends the bodies of completed chords. */
  async #count(followUps: readonly FollowUp[]): Promise<void> {
    const inline = followUps.flatMap((one) => one.inline)
    if (inline.length > 0) await this.#callErrbacks(inline)
    const parts = followUps.flatMap((one) => one.parts)
    if (parts.length === 0) return
    const complete = await this.#joins('count members of chords', (joins) => joins.arrive(parts))
    crashPoint('join:after-arrival')
    const last = new Map<string, CountedPart>(parts.map((part) => [part.joinId, part]))
    await Promise.all(
      complete.map((join) => {
        const part = last.get(join.id)
        return this.complete(join, part?.rootId, part?.taskId)
      }),
    )
  }

  /** Ends a join, the body first: a crash before `finish` sends it again, under the same id and key. */
  async complete(join: CompletedJoin, rootId?: string, parentId?: string): Promise<void> {
    await this.carryOut(this.#core.followUps.completed(join, rootId, parentId))
    crashPoint('join:after-body')
    await this.#joins('finish chords', (joins) => joins.finish([join.id]))
  }

  /** Carries out work that belongs to no claim. */
  async carryOut(followUp: FollowUp): Promise<void> {
    await this.#prepare([followUp])
    const { publish, results } = followUp
    if (publish.length > 0) await this.#persist('publish', () => this.#publish(publish))
    if (results.length > 0) await this.#persist('store results', () => this.#store(results))
    await this.#count([followUp])
  }

  /** Errbacks only observe, so their errors are logged and change nothing. */
  async #callErrbacks(errbacks: readonly InlineErrback[]): Promise<void> {
    const { app, environment } = this.#core
    if (environment) await callErrbacks(errbacks, app.tasks, environment)
  }

  async #joins<T>(what: string, work: (joins: JoinStore) => Promise<T>): Promise<T | readonly never[]> {
    const joins = this.#core.results?.joins
    if (!joins) {
      this.#core.app.logger.error({}, `cannot ${what}: the result backend does not count chords`)
      return []
    }
    let answer: T | undefined
    await this.#persist(what, async () => {
      answer = await work(joins)
    })
    return answer ?? []
  }

  async #publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.#core.broker.publish(messages)
    this.#tellPublished(messages)
  }

  #tellPublished(messages: readonly OutgoingMessage[]): void {
    const { signals } = this.#core.app
    if (signals.has('afterTaskPublish'))
      for (const message of messages) signals.emit('afterTaskPublish', { message })
  }

  async #store(records: readonly ResultRecord[]): Promise<void> {
    await this.#core.results?.store(records)
  }

  /**
   * Retries until it works: the claims are held and renewed meanwhile, so waiting loses nothing but giving up would. Errors that
   * waiting cannot fix, such as a message that no queue accepts, are thrown.
   */
  async #persist(what: string, attempt: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        if (error instanceof MessageError || isClosed(error) || this.#ending.signal.aborted) throw error
        const pauseMs = Math.min(LONGEST_PAUSE_MS, 100 * 2 ** tries)
        this.#core.app.logger.error({ err: error, pause_ms: pauseMs }, `could not ${what}; retrying`)
        await delay(this.#core.app.clock, pauseMs, this.#ending.signal)
      }
    }
  }
}

/** A closed connection carries out no more requests. */
const isClosed = (error: unknown): boolean => isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED'

const NONE: readonly string[] = []

/** The steps for carrying out plans, in order. */
interface Sorted {
  readonly followUps: FollowUp[]
  /** Has no claim to travel with, or cannot travel with it: published first. */
  readonly alone: OutgoingMessage[]
  /** Of messages that were acknowledged before they ran. */
  readonly letters: DeadLetter[]
  /** Stored before the claims end; the others are stored with them. */
  readonly records: ResultRecord[]
  readonly settlements: Settlement[]
}

/** Whether a message goes to the queue that the claim is of. */
const isBeside = ({ exchange, routingKey }: OutgoingMessage, claim: Claim | undefined): boolean =>
  exchange === '' && routingKey === claim?.delivery.queue

function sort(
  endings: readonly Ending[],
  isAtomic: BrokerCapabilities['atomicSettle'],
  settlesResults: boolean,
): Sorted {
  const sorted: Sorted = { followUps: [], alone: [], letters: [], records: [], settlements: [] }
  for (const { plan, claim } of endings) {
    const { followUp, letter, publish, results, settlement } = plan
    if (letter) sorted.letters.push(letter)
    if (followUp) sorted.followUps.push(followUp)
    const publishesAlong =
      settlement !== undefined &&
      (isAtomic === 'own-queue' ? publish.every((message) => isBeside(message, claim)) : isAtomic)
    // A chord's member: its result is stored before it is counted, because the sender of the body may read it.
    const isCounted = (followUp?.parts.length ?? 0) > 0
    const storesAlong = settlesResults && settlement !== undefined && !isCounted
    if (!publishesAlong) sorted.alone.push(...publish)
    if (!storesAlong) sorted.records.push(...results)
    if (!settlement) continue
    const publishes = publishesAlong && publish.length > 0
    const stores = storesAlong && results.length > 0
    sorted.settlements.push(
      publishes || stores
        ? { ...settlement, ...(publishes ? { publish } : {}), ...(stores ? { results } : {}) }
        : settlement,
    )
  }
  return sorted
}

import type { Outcome } from '../../app/tasks/index.js'
import type { Delivery } from '../../broker/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import { type Claim, type ClaimObserver, isHeld, type ReturnReason } from '../claim.js'
import type { Job } from '../pools/job.js'
import type { Refused } from '../refused.js'
import { Breakers, type BreakerVerdict } from './breakers.js'
import { CallGuards } from './call-guards.js'
import type { LimitStores } from './limit-stores.js'
import { QueueGate } from './queue-gate.js'
import { Rates, type RateVerdict } from './rates.js'
import { Revokes } from './revokes.js'
import { TaskSlots, type Verdict } from './task-slots.js'

/**
 * The decision about a claimed task: that of its limits and its circuit breaker, or back to its queue, which is closed for a
 * while, or nothing more, because a later call has replaced it.
 */
export type Admittance = Verdict | BreakerVerdict | RateVerdict | { readonly kind: 'superseded' }

/** Options of limits. */
export interface LimitSettings {
  /** The rate of a queue, as declared. */
  readonly rateOf: (queue: string) => string | number | null | undefined
  /** The tasks held by the worker. */
  readonly held: () => Iterable<Job>
}

/**
 * Everything that keeps a worker from running tasks it could run. A task is granted its share of the limits in `admit`, and
 * releases it where its claim ends, however it ends: here, and nowhere else.
 */
export class WorkerLimits implements ClaimObserver {
  /** The agreed state: the cluster's or, where the broker has no place for that, this worker's alone. */
  readonly store: CoordinationStore
  readonly revokes: Revokes
  readonly rates: Rates
  readonly slots: TaskSlots
  readonly queues: QueueGate
  readonly guards: CallGuards
  readonly #breakers: Breakers
  readonly #stores: LimitStores
  readonly #throttled = new Map<string, number>()

  constructor(stores: LimitStores, { rateOf, held }: LimitSettings) {
    const { cluster, logger } = stores
    this.#stores = stores
    this.store = cluster
    this.revokes = new Revokes(cluster, logger)
    this.queues = new QueueGate(stores, rateOf)
    this.rates = new Rates(stores, this.queues)
    this.slots = new TaskSlots(stores)
    this.guards = new CallGuards(stores, held)
    this.#breakers = new Breakers(stores)
  }

  async start(on: {
    /** More tasks are revoked than before. */
    readonly onRevoked: () => void
    /** The set of open queues has changed. */
    readonly onQueues: () => void
  }): Promise<void> {
    await Promise.all([
      this.revokes.start(() => {
        this.rates.dropRevoked((id) => this.revokes.has(id))
        on.onRevoked()
      }),
      this.rates.start(),
      this.queues.start(on.onQueues),
      this.#breakers.start(),
    ])
  }
  async stop(): Promise<void> {
    this.revokes.stop()
    this.rates.stop()
    this.slots.stop()
    this.queues.stop()
    this.guards.stop()
    await this.#breakers.stop()
    await this.#stores.own.close()
  }

  /** Whether the agreed state is the cluster's. */
  get isShared(): boolean {
    return this.#stores.cluster !== this.#stores.own
  }

  /** How often tasks of each name had to wait. */
  get throttled(): ReadonlyMap<string, number> {
    return this.#throttled
  }

  /** Whether a task needs a decision before it is run. */
  concerns(claim: Claim): boolean {
    const { job } = claim
    return (
      this.slots.applies(job.task) ||
      this.rates.concerns(claim) ||
      this.#breakers.applies(job) ||
      this.guards.applies(job)
    )
  }

  /** Decides about tasks that were claimed together. */
  async admit(claims: readonly Claim[]): Promise<readonly Admittance[]> {
    const admittances: Admittance[] = claims.map(() => RUN)
    const ask = async (
      applies: (claim: Claim) => boolean,
      decide: (claims: readonly Claim[]) => Promise<readonly Admittance[]>,
    ): Promise<void> => {
      const asked = claims.flatMap((claim, place) =>
        admittances[place]?.kind === 'run' && applies(claim) ? [{ claim, place }] : [],
      )
      if (asked.length === 0) return
      const verdicts = await decide(asked.map(({ claim }) => claim))
      asked.forEach(({ place }, at) => {
        admittances[place] = verdicts[at] ?? { kind: 'requeue' }
      })
    }
    await ask(
      ({ job }) => this.guards.applies(job),
      async (asked) =>
        (await this.guards.areSuperseded(asked.map(({ job }) => job))).map((isOver) =>
          isOver ? { kind: 'superseded' } : RUN,
        ),
    )
    await ask(
      ({ job }) => this.#breakers.applies(job),
      (asked) => this.#breakers.admit(asked.map(({ job }) => job)),
    )
    await ask(
      ({ job }) => this.slots.applies(job.task),
      (asked) => this.slots.admit(asked.map(({ job }) => job)),
    )
    // Last, because a turn is never given back: no task may take one and not run.
    await ask(
      (claim) => this.rates.concerns(claim),
      (asked) => this.rates.admit(asked),
    )
    claims.forEach((claim, place) => {
      const { job } = claim
      if (admittances[place]?.kind === 'postpone')
        this.#throttled.set(job.task.name, (this.#throttled.get(job.task.name) ?? 0) + 1)
      // Given up during the check: nothing else would release its grants.
      if (!isHeld(claim)) this.#breakers.left(job)
    })
    return admittances
  }

  queued({ job }: Claim): void {
    this.guards.took(job)
  }
  running({ job }: Claim): void {
    this.guards.begun(job)
  }
  /** A task that goes back for a while has not ended. */
  refused(_delivery: Delivery, { plan, headers }: Refused): Promise<void> | undefined {
    return plan.state !== null && headers ? this.guards.ended(headers) : undefined
  }
  ended({ job }: Claim, outcome: Outcome | undefined, runtimeMs: number): Promise<void> | undefined {
    this.#leave(job, runtimeMs)
    if (outcome) this.#breakers.ended(job, outcome)
    else this.#breakers.left(job)
    // Without an outcome it was finally refused, and is reported as such.
    return outcome && this.guards.ended(job.context.wireHeaders, outcome)
  }
  returned({ job }: Claim, why: ReturnReason): void {
    this.#breakers.left(job)
    if (why === 'lost') this.slots.forget(job)
    else this.#leave(job)
  }

  /** Releases a task's slot under its concurrency limit; with `runtimeMs` when it has ended. */
  #leave(job: Job, runtimeMs?: number): void {
    this.slots
      .left(job, runtimeMs)
      ?.catch((error: unknown) =>
        this.#stores.logger.warn(
          { err: error },
          'cannot release a slot; it becomes free when its lease expires',
        ),
      )
  }
}

const RUN: Admittance = { kind: 'run' }

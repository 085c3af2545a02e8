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
import { Revokes } from './revokes.js'
import { TaskLimits, type Verdict } from './task-limits.js'

/**
 * What becomes of a task that was claimed: as its limits and its circuit breaker say, or back to its queue, which is closed for a
 * while, or nothing more, because a later call has taken its place.
 */
export type Admittance =
  | Verdict
  | BreakerVerdict
  | { readonly kind: 'requeue' }
  | { readonly kind: 'superseded' }

/** What limits are set up with. */
export interface LimitSettings {
  /** The rate of a queue, as it is declared. */
  readonly rateOf: (queue: string) => string | number | null | undefined
  /** What the worker holds. */
  readonly held: () => Iterable<Job>
}

/**
 * Everything that keeps a worker from running what it could run. What a task takes of its limits it is given in `admit`, and
 * gives back where its claim ends, whichever way that is: here, and nowhere else.
 */
export class WorkerLimits implements ClaimObserver {
  /** What was agreed on: in the cluster, or, where the broker has no place for that, in this worker alone. */
  readonly store: CoordinationStore
  readonly revokes: Revokes
  readonly tasks: TaskLimits
  readonly queues: QueueGate
  readonly guards: CallGuards
  readonly #breakers: Breakers
  readonly #stores: LimitStores

  constructor(stores: LimitStores, { rateOf, held }: LimitSettings) {
    const { cluster, logger } = stores
    this.#stores = stores
    this.store = cluster
    this.revokes = new Revokes(cluster, logger)
    this.tasks = new TaskLimits(stores)
    this.queues = new QueueGate(stores, rateOf)
    this.guards = new CallGuards(stores, held)
    this.#breakers = new Breakers(stores)
  }

  async start(on: {
    /** More is revoked than before. */
    readonly onRevoked: () => void
    /** Other queues are open than before. */
    readonly onQueues: () => void
  }): Promise<void> {
    await Promise.all([
      this.revokes.start(on.onRevoked),
      this.tasks.start(),
      this.queues.start(on.onQueues),
      this.#breakers.start(),
    ])
  }
  async stop(): Promise<void> {
    this.revokes.stop()
    this.tasks.stop()
    this.queues.stop()
    this.guards.stop()
    await this.#breakers.stop()
    await this.#stores.own.close()
  }

  /** Whether a task must be asked about before it is run. */
  concerns({ job, delivery }: Claim): boolean {
    return (
      this.tasks.applies(job.task) ||
      this.queues.limits(delivery.queue) ||
      this.#breakers.applies(job) ||
      this.guards.applies(job)
    )
  }

  /** Decides about tasks that were claimed together. */
  async admit(claims: readonly Claim[]): Promise<readonly Admittance[]> {
    const admittances: Admittance[] = claims.map(() => RUN)
    // What is asked last is what costs a turn: nothing is to take one and not run.
    const ask = async (
      applies: (job: Job) => boolean,
      decide: (jobs: readonly Job[]) => Promise<readonly Admittance[]>,
    ): Promise<void> => {
      const asked = claims.flatMap(({ job }, place) =>
        admittances[place]?.kind === 'run' && applies(job) ? [{ job, place }] : [],
      )
      if (asked.length === 0) return
      const verdicts = await decide(asked.map(({ job }) => job))
      asked.forEach(({ place }, at) => {
        admittances[place] = verdicts[at] ?? { kind: 'requeue' }
      })
    }
    await ask(
      (job) => this.guards.applies(job),
      async (asked) =>
        (await this.guards.areSuperseded(asked)).map((isOver) => (isOver ? { kind: 'superseded' } : RUN)),
    )
    await ask(
      (job) => this.#breakers.applies(job),
      (asked) => this.#breakers.admit(asked),
    )
    for (const [place, { delivery }] of claims.entries())
      if (admittances[place]?.kind === 'run' && !(await this.queues.take(delivery.queue)))
        admittances[place] = { kind: 'requeue' }
    await ask(
      (job) => this.tasks.applies(job.task),
      (asked) => this.tasks.admit(asked),
    )
    // Given up while it was asked: nobody else would give back what it was granted.
    for (const claim of claims) if (!isHeld(claim)) this.#breakers.left(claim.job)
    return admittances
  }

  queued({ job }: Claim): void {
    this.guards.took(job)
  }
  running({ job }: Claim): void {
    this.guards.begun(job)
  }
  /** One that goes back for a while has not ended. */
  refused(_delivery: Delivery, { plan, headers }: Refused): Promise<void> | undefined {
    return plan.state !== null && headers ? this.guards.ended(headers) : undefined
  }
  ended({ job }: Claim, outcome: Outcome | undefined, runtimeMs: number): Promise<void> | undefined {
    this.#leave(job, runtimeMs)
    if (outcome) this.#breakers.ended(job, outcome)
    else this.#breakers.left(job)
    // Without an outcome it was refused in the end, and is told as such.
    return outcome && this.guards.ended(job.context.wireHeaders, outcome)
  }
  returned({ job }: Claim, why: ReturnReason): void {
    this.#breakers.left(job)
    if (why === 'lost') this.tasks.forget(job)
    else this.#leave(job)
  }

  /** Frees the place that a task took of its concurrency limit; with `runtimeMs` when it has ended. */
  #leave(job: Job, runtimeMs?: number): void {
    this.tasks
      .left(job, runtimeMs)
      ?.catch((error: unknown) =>
        this.#stores.logger.warn({ err: error }, 'cannot free a slot; it is free when its lease ends'),
      )
  }
}

const RUN: Admittance = { kind: 'run' }

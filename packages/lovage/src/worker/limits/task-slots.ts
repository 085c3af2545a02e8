import type { AnyTask, ConcurrencyLimit } from '../../app/tasks/index.js'
import type { SlotRequest } from '../../coordination/index.js'
import { messageOf, type Timer } from '../../kernel/index.js'
import type { Job } from '../pools/job.js'
import type { LimitStores } from './limit-stores.js'

/** A slot is free again this long after its holder stopped renewing it. */
const SLOT_TTL_MS = 30_000
/** The shortest and longest delay before a task asks for a slot again. */
const SOONEST_MS = 50
const LATEST_MS = 15_000
/** Assumed duration of a task before one has been seen. */
const UNKNOWN_RUNTIME_MS = 100
/** Maximum number of tasks remembered as having let others go first. */
const MOST_KNOWN = 10_000

/** The decision about a task that has limits. */
export type Verdict =
  | { readonly kind: 'run' }
  /** `behind`: others should go first, even when its time has come. */
  | { readonly kind: 'postpone'; readonly untilMs: number; readonly behind?: boolean }
  /** Its key could not be computed: waiting does not change that. */
  | { readonly kind: 'fail'; readonly error: unknown }

/**
 * Concurrency limits: slots shared by tasks of one name and key. A task that finds none free never waits in a slot of its worker and
 * never blocks others: it steps aside for as long as those before it are expected to run.
 */
export class TaskSlots {
  readonly #stores: LimitStores
  readonly #slots = new Map<string, SlotRequest>()
  readonly #runtimeMs = new Map<string, number>()
  /** Tasks asking for a slot right now, and whether they have been given up meanwhile. */
  readonly #asking = new Map<string, 'taken' | 'left' | 'forgotten'>()
  /** Tasks that found their key full, and have gone behind the others. */
  readonly #letOthersFirst = new Set<string>()
  #renewal: Timer | undefined

  constructor(stores: LimitStores) {
    this.#stores = stores
  }

  stop(): void {
    this.#renewal?.cancel()
  }

  /** Whether a task's concurrent runs are limited. */
  applies(task: AnyTask): boolean {
    return task.options.concurrencyLimit !== undefined
  }

  /** A run has ended, or was given back without a time: its slot goes to the next one. */
  left({ task, context }: Job, runtimeMs?: number): Promise<void> | undefined {
    if (this.#asking.has(context.id)) this.#asking.set(context.id, 'left')
    if (this.#slots.size === 0) return undefined
    const slot = this.#slots.get(context.id)
    if (!slot) return undefined
    this.#slots.delete(context.id)
    if (runtimeMs !== undefined) {
      const before = this.#runtimeMs.get(task.name) ?? runtimeMs
      this.#runtimeMs.set(task.name, before + (runtimeMs - before) / 8)
    }
    return this.#stores.cluster.leave([slot])
  }

  /** Another worker has it, under the same name: that worker will release the slot. */
  forget({ context }: Job): void {
    if (this.#asking.has(context.id)) this.#asking.set(context.id, 'forgotten')
    this.#slots.delete(context.id)
  }

  /** Decides about tasks that were claimed together; those that will run have their slots. */
  async admit(jobs: readonly Job[]): Promise<readonly Verdict[]> {
    const { clock, cluster, logger } = this.#stores
    const nowMs = clock.now()
    const verdicts: Verdict[] = jobs.map(() => RUN)
    const wishes = jobs.flatMap((job, place) => {
      const limit = job.task.options.concurrencyLimit
      if (limit === undefined) return []
      this.#asking.set(job.context.id, 'taken')
      try {
        return [{ job, place, slot: slotOf(job, limit) }]
      } catch (error) {
        this.#asking.delete(job.context.id)
        verdicts[place] = { kind: 'fail', error }
        return []
      }
    })
    if (wishes.length === 0) return verdicts
    const [entered, given] = await this.#ask(wishes)
    if (given.length > 0)
      await cluster
        .leave(given)
        .catch((error: unknown) =>
          logger.warn({ err: error }, 'cannot release a slot; it becomes free when its lease expires'),
        )
    const outside = wishes.filter((_, place) => !entered[place])
    this.#keepRenewing()
    // A task left outside asks again when, as far as can be foreseen, as many others have ended as asked before it.
    const again = await cluster.takeTurns(
      outside.map(({ job, slot }) => {
        const expectedMs = this.#runtimeMs.get(job.task.name) ?? UNKNOWN_RUNTIME_MS
        return { key: `wait:${slot.key}`, intervalMs: expectedMs / slot.limit, burst: 1 }
      }),
    )
    outside.forEach(({ place, job }, wish) => {
      const waitMs = Math.min(Math.max((again[wish] ?? nowMs) - nowMs, SOONEST_MS), LATEST_MS)
      verdicts[place] = { kind: 'postpone', untilMs: nowMs + waitMs, behind: this.#goesBehind(job) }
    })
    return verdicts
  }

  /** Returns which were admitted, and the slots of those given up and ended meanwhile, which nothing else would release. */
  async #ask(
    wishes: readonly { readonly job: Job; readonly slot: SlotRequest }[],
  ): Promise<readonly [entered: readonly boolean[], given: readonly SlotRequest[]]> {
    const given: SlotRequest[] = []
    try {
      const entered = await this.#stores.cluster.enter(wishes.map(({ slot }) => slot))
      wishes.forEach(({ job: { context }, slot }, place) => {
        if (!entered[place]) return
        const fate = this.#asking.get(context.id)
        if (fate === 'left') given.push(slot)
        else if (fate === 'taken') this.#slots.set(context.id, slot)
        this.#letOthersFirst.delete(context.id)
      })
      return [entered, given]
    } finally {
      for (const { job } of wishes) this.#asking.delete(job.context.id)
    }
  }

  /**
   * Keys take turns: a task that finds its key full lets later tasks go first, whatever their key. Only once: the return times of such
   * tasks are assigned per key, and one that went behind again and again might never run.
   */
  #goesBehind({ context: { id } }: Job): boolean {
    if (this.#letOthersFirst.has(id)) return false
    if (this.#letOthersFirst.size >= MOST_KNOWN) this.#letOthersFirst.clear()
    this.#letOthersFirst.add(id)
    return true
  }

  #keepRenewing(): void {
    if (this.#renewal || this.#slots.size === 0) return
    const { cluster, clock, logger } = this.#stores
    this.#renewal = clock.setTimer(() => {
      this.#renewal = undefined
      cluster
        .enter([...this.#slots.values()])
        .catch((error: unknown) =>
          logger.warn({ err: error }, `Cannot renew concurrency slots: ${messageOf(error)}`),
        )
        .finally(() => this.#keepRenewing())
    }, SLOT_TTL_MS / 3)
  }
}

const RUN: Verdict = { kind: 'run' }

function slotOf({ task, context }: Job, limit: ConcurrencyLimit): SlotRequest {
  const { limit: places, key } = typeof limit === 'number' ? { limit, key: undefined } : limit
  const part = key ? `:${key({ args: context.args, kwargs: context.kwargs })}` : ''
  return { key: `slots:${task.name}${part}`, member: context.id, limit: places, ttlMs: SLOT_TTL_MS }
}

import { intervalOf, RATES } from '../../app/fleet/index.js'
import type { AnyTask, ConcurrencyLimit, TaskContext } from '../../app/tasks/index.js'
import type { Mark, SlotRequest } from '../../coordination/index.js'
import { messageOf, type Timer } from '../../kernel/index.js'
import type { Job } from '../pools/job.js'
import type { LimitStores } from './limit-stores.js'

/** Where granted turns stand, by task id and attempt. */
const TURNS = 'turns'
/** A turn that nobody came for is forgotten. */
const TURN_KEPT_MS = 3_600_000
/** A slot is free again this long after its holder stopped renewing it. */
const SLOT_TTL_MS = 30_000
/** How soon, and how late, a task asks for a slot again. */
const SOONEST_MS = 50
const LATEST_MS = 15_000
/** How long a task is thought to run before one has been seen. */
const UNKNOWN_RUNTIME_MS = 100
/** Of so many tasks at most it is known that they have let others go first. */
const MOST_KNOWN = 10_000

/** What becomes of a task that has limits. */
export type Verdict =
  | { readonly kind: 'run' }
  /** `behind`: others are to go first, even when its time has come. */
  | { readonly kind: 'postpone'; readonly untilMs: number; readonly behind?: boolean }
  /** Its key could not be had: waiting does not change that. */
  | { readonly kind: 'fail'; readonly error: unknown }

/**
 * Rates and concurrency limits. A limited task never waits in a slot and never blocks others: it steps aside until the
 * time that the store has granted it. A turn is taken once; a task that comes back for it is not asked to take another.
 */
export class TaskLimits {
  readonly #stores: LimitStores
  readonly #slots = new Map<string, SlotRequest>()
  readonly #runtimeMs = new Map<string, number>()
  readonly #throttled = new Map<string, number>()
  /** Tasks that ask for a place just now, and what becomes of it when they have been given up meanwhile. */
  readonly #asking = new Map<string, 'taken' | 'left' | 'forgotten'>()
  /** Tasks that found their key full, and have gone behind the others. */
  readonly #letOthersFirst = new Set<string>()
  #rates: ReadonlyMap<string, string> = new Map()
  #renewal: Timer | undefined
  #unwatch: (() => void) | undefined

  constructor(stores: LimitStores) {
    this.#stores = stores
  }

  /** How often tasks of each name were made to wait. */
  get throttled(): ReadonlyMap<string, number> {
    return this.#throttled
  }

  /** Reads the rates that were changed at run time, and follows their changes. */
  async start(): Promise<void> {
    const { cluster, logger } = this.#stores
    const look = async (): Promise<void> => {
      this.#rates = new Map((await cluster.list(RATES)).map(({ key, value }) => [key, value]))
      // They outlive whoever set them, and no code says so.
      if (this.#rates.size > 0)
        logger.warn(
          { rates: Object.fromEntries(this.#rates) },
          'rate limits set at run time are in force for the whole cluster',
        )
    }
    this.#unwatch = cluster.watch(RATES, () => {
      look().catch((error: unknown) => logger.warn({ err: error }, `Cannot read rates: ${messageOf(error)}`))
    })
    await look()
  }
  stop(): void {
    this.#unwatch?.()
    this.#renewal?.cancel()
  }

  /** The rate in force: an operator's word before the task's own. */
  rateOf(task: AnyTask): string | number | null {
    return this.#rates.get(task.name) ?? task.options.rateLimit ?? null
  }
  /** Whether a task has any limit. */
  applies(task: AnyTask): boolean {
    return task.options.concurrencyLimit !== undefined || intervalOf(this.rateOf(task)) !== undefined
  }

  /** Decides about tasks that were claimed together, in three round trips at most. */
  async admit(jobs: readonly Job[]): Promise<readonly Verdict[]> {
    const nowMs = this.#stores.clock.now()
    const turns = await this.#turns(jobs, nowMs)
    const verdicts = await this.#enter(jobs, turns, nowMs)
    verdicts.forEach((verdict, place) => {
      const name = jobs[place]?.task.name
      if (verdict.kind === 'postpone' && name) this.#throttled.set(name, (this.#throttled.get(name) ?? 0) + 1)
    })
    return verdicts
  }

  /** A run has ended, or was given back and has no time: its slot is the next one's. */
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

  /** Another worker has it, under the same name: the place is that one's to give back. */
  forget({ context }: Job): void {
    if (this.#asking.has(context.id)) this.#asking.set(context.id, 'forgotten')
    this.#slots.delete(context.id)
  }

  /** For each job the Unix ms of its turn. */
  async #turns(jobs: readonly Job[], nowMs: number): Promise<readonly number[]> {
    const { cluster, own } = this.#stores
    const turns = jobs.map(() => nowMs)
    for (const [store, scope] of [
      [cluster, 'cluster'],
      [own, 'worker'],
    ] as const) {
      const limited = jobs.flatMap((job, place) => {
        const intervalMs = intervalOf(this.rateOf(job.task))
        const isHere = (job.task.options.rateLimitScope ?? 'cluster') === scope
        return intervalMs !== undefined && isHere
          ? [{ job, place, intervalMs, key: turnKey(job.context) }]
          : []
      })
      if (limited.length === 0) continue
      const granted = new Map(
        (
          await store.list(
            TURNS,
            limited.map(({ key }) => key),
          )
        ).map(({ key, value }) => [key, Number(value)]),
      )
      const wishes = limited.filter(({ key }) => !granted.has(key))
      const taken = await store.takeTurns(
        wishes.map(({ job, intervalMs }) => ({ key: `rate:${job.task.name}`, intervalMs, burst: 1 })),
      )
      const marks: Mark[] = []
      wishes.forEach(({ key }, place) => {
        const atMs = taken[place] ?? nowMs
        granted.set(key, atMs)
        marks.push({ key, value: String(atMs), expiresMs: Math.max(atMs, nowMs) + TURN_KEPT_MS })
      })
      if (marks.length > 0) await store.put(TURNS, marks)
      for (const { key, place } of limited) turns[place] = granted.get(key) ?? nowMs
    }
    return turns
  }

  async #enter(jobs: readonly Job[], turns: readonly number[], nowMs: number): Promise<readonly Verdict[]> {
    const { cluster, logger } = this.#stores
    const verdicts = turns.map((atMs): Verdict => (atMs > nowMs ? { kind: 'postpone', untilMs: atMs } : RUN))
    const wishes = jobs.flatMap((job, place) => {
      const limit = job.task.options.concurrencyLimit
      if (limit === undefined || verdicts[place] !== RUN) return []
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
          logger.warn({ err: error }, 'cannot free a slot; it is free when its lease ends'),
        )
    const outside = wishes.filter((_, place) => !entered[place])
    this.#keepRenewing()
    // Whoever stays outside asks again when as many others have ended as asked before it, as far as can be foreseen.
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

  /** Which came in, and the places of those that were given up meanwhile and have ended: nobody would ever leave them. */
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
   * Keys take turns: what finds its key full lets what came after it be looked at, whatever its key. Once: the times at which such
   * tasks come back are dealt out to each key by itself, and one that went behind again and again might never run.
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

/** A retry is a run of its own, and takes a turn of its own. */
const turnKey = (context: TaskContext): string => `${context.id} ${context.retries}`

function slotOf({ task, context }: Job, limit: ConcurrencyLimit): SlotRequest {
  const { limit: places, key } = typeof limit === 'number' ? { limit, key: undefined } : limit
  const part = key ? `:${key({ args: context.args, kwargs: context.kwargs })}` : ''
  return { key: `slots:${task.name}${part}`, member: context.id, limit: places, ttlMs: SLOT_TTL_MS }
}

import { ALL_LINES, LINES, RATES } from '../../app/fleet/index.js'
import type { AnyTask } from '../../app/tasks/index.js'
import type { CoordinationStore, TurnRequest } from '../../coordination/index.js'
import { intervalOf, messageOf, newId, type Timer } from '../../kernel/index.js'
import { lifeOf } from '../../message/index.js'
import type { Claim } from '../claim.js'
import type { Job } from '../pools/job.js'
import type { LimitStores } from './limit-stores.js'
import type { QueueGate } from './queue-gate.js'

/** The space of waiting tasks' places, by task id and attempt: their line and Unix ms. */
const PLACES = 'turns'
/** A place whose task does not return is forgotten. */
const PLACE_KEPT_MS = 3_600_000
/** A task asks again by then whether those before it have gone: purged, revoked, or admitted by another rate. */
const SOONEST_LOOK_MS = 15_000
const LATEST_LOOK_MS = 60_000
/** A new arrival checks again sooner: places before it may just have been given up. */
const FIRST_LOOK_MS = 2000
/** In a long line, at most fifty checks a second. */
const LOOK_MS_A_PLACE = 20
/** A task that comes early takes a turn that has been free for this long: its owner is not coming. */
const IDLE_MS = 500
/** How long a postponed task may be in transit. */
const AGAIN_MS = 1000
/** Maximum number of waiting tasks tracked locally. */
const MOST_KNOWN = 10_000

/** The decision about a task with a rate, or from a queue with one. */
export type RateVerdict =
  | { readonly kind: 'run' }
  | { readonly kind: 'postpone'; readonly untilMs: number }
  /** Its queue is closed for a while. */
  | { readonly kind: 'requeue' }

interface Waiting {
  readonly task: string
  /** Its life and attempt. */
  readonly key: string
  readonly placeMs: number
}

/**
 * Rates of tasks and queues. Only the start of a run takes a turn, and takes those of its task and its queue together or neither. A task
 * that has to wait is given a place in its task's line, and returns for its turn then: so each turn has a task waiting for it.
 */
export class Rates {
  readonly #stores: LimitStores
  readonly #queues: QueueGate
  /** The tasks postponed by this worker, by id. */
  readonly #waiting = new Map<string, Waiting>()
  #rates: ReadonlyMap<string, string> = new Map()
  #lines: ReadonlyMap<string, string> = new Map()
  #unwatch: (() => void)[] = []
  #again: Timer | undefined

  constructor(stores: LimitStores, queues: QueueGate) {
    this.#stores = stores
    this.#queues = queues
  }

  /** Reads the rates changed at run time, and follows changes. */
  async start(): Promise<void> {
    const { cluster, logger } = this.#stores
    const follow = (space: string, look: () => Promise<void>): void => {
      this.#unwatch.push(
        cluster.watch(space, () => {
          look().catch((error: unknown) =>
            logger.warn({ err: error }, `Cannot read rates: ${messageOf(error)}`),
          )
        }),
      )
    }
    follow(RATES, () => this.#lookAtRates())
    follow(LINES, () => this.#lookAtLines())
    await Promise.all([this.#lookAtRates(), this.#lookAtLines()])
  }
  /** More tasks are revoked than before: their places are free. */
  dropRevoked(isRevoked: (id: string) => boolean): void {
    const tasks = new Set<string>()
    for (const [id, { task }] of this.#waiting) {
      if (!isRevoked(id)) continue
      this.#waiting.delete(id)
      tasks.add(task)
    }
    for (const task of tasks) this.#beginLine(task)
  }

  stop(): void {
    this.#again?.cancel()
    for (const unwatch of this.#unwatch) unwatch()
  }

  /** The rate in force: an operator's setting before the task's own. */
  of(task: AnyTask): string | number | null {
    return this.#rates.get(task.name) ?? task.options.rateLimit ?? null
  }
  /** Whether a task, or its queue, has a rate. */
  concerns({ job, delivery }: Claim): boolean {
    return intervalOf(this.of(job.task)) !== undefined || this.#queues.limits(delivery.queue)
  }

  /** Decides about tasks that were claimed together; those that will run have their turns. */
  async admit(claims: readonly Claim[]): Promise<readonly RateVerdict[]> {
    const { cluster, own } = this.#stores
    const verdicts: RateVerdict[] = claims.map(() => RUN)
    const asked = claims.flatMap((claim, place) => {
      if (!this.#queues.isClosed(claim.delivery.queue)) return [{ claim, place }]
      verdicts[place] = { kind: 'requeue' }
      return []
    })
    const late: Late[] = []
    // A worker's own rate first: the shared store is not asked about tasks that do not run.
    const mine = asked.filter(({ claim }) => this.#isOwn(claim.job) && this.#turnOf(claim.job))
    const ownWaits = await own.tryTurns(mine.map(({ claim }) => this.#turnOf(claim.job) ?? []))
    mine.forEach(({ claim, place }, at) => {
      const [waitMs = 0] = ownWaits[at] ?? []
      if (waitMs > 0) late.push({ claim, place, waitMs, store: own })
    })
    const isLate = new Set(late.map(({ place }) => place))
    const ours = asked.filter(({ place }) => !isLate.has(place))
    const groups = ours.map(({ claim }) => ({
      task: this.#isOwn(claim.job) ? [] : (this.#turnOf(claim.job) ?? []),
      queue: this.#queues.turnOf(claim.delivery.queue),
    }))
    const waits = await cluster.tryTurns(groups.map(({ task, queue }) => [...task, ...queue]))
    ours.forEach(({ claim, place }, at) => {
      const [taskMs = 0, queueMs = taskMs] = waits[at] ?? []
      const hasTask = (groups[at]?.task.length ?? 0) > 0
      if (hasTask && taskMs > 0) late.push({ claim, place, waitMs: taskMs, store: cluster })
      else if (queueMs > 0) {
        this.#queues.close(claim.delivery.queue, queueMs)
        verdicts[place] = { kind: 'requeue' }
      } else if (hasTask) this.#began(claim.job)
    })
    for (const store of [own, cluster])
      await this.#putOff(
        late.filter((one) => one.store === store),
        store,
        verdicts,
      )
    return verdicts
  }

  #isOwn({ task }: Job): boolean {
    return task.options.rateLimitScope === 'worker'
  }

  /** undefined = it has no rate. */
  #turnOf(job: Job): readonly TurnRequest[] | undefined {
    const intervalMs = intervalOf(this.of(job.task))
    if (intervalMs === undefined) return undefined
    const placeMs = this.#waitingOf(job)?.placeMs ?? 0
    const isEarly = placeMs > this.#stores.clock.now()
    return [{ key: this.#keyOf('rate', job.task), intervalMs, ...(isEarly ? { idleMs: IDLE_MS } : {}) }]
  }

  /** A rate set at run time starts fresh: the grants of the previous one do not count. */
  #keyOf(kind: 'rate' | 'line', { name }: AnyTask): string {
    const set = this.#rates.get(name)
    const key = `${kind}:${name}${set === undefined ? '' : `:${set}`}`
    return kind === 'rate' ? key : `${key}:${this.#lines.get(name) ?? ''}:${this.#lines.get(ALL_LINES) ?? ''}`
  }

  /** A task had a later place: those before it did not come, so the others must be given new places. */
  #began(job: Job): void {
    const waiting = this.#waitingOf(job)
    if (!waiting) return
    this.#waiting.delete(job.context.id)
    if (waiting.placeMs > this.#stores.clock.now() + IDLE_MS) this.#beginLine(job.task.name)
  }

  #waitingOf(job: Job): Waiting | undefined {
    if (this.#waiting.size === 0) return undefined
    const waiting = this.#waiting.get(job.context.id)
    return waiting?.key === keyOf(job) ? waiting : undefined
  }

  #beginLine(name: string): void {
    const { clock, cluster, logger } = this.#stores
    const line = newId()
    this.#lines = new Map([...this.#lines, [name, line]])
    cluster
      .put(LINES, [{ key: name, value: line, expiresMs: clock.now() + PLACE_KEPT_MS }])
      .catch((error: unknown) =>
        logger.warn(
          { err: error },
          `Cannot announce that places under a rate are reassigned: ${messageOf(error)}`,
        ),
      )
  }

  /** Gives waiting tasks their places, once each. */
  async #putOff(late: readonly Late[], store: CoordinationStore, verdicts: RateVerdict[]): Promise<void> {
    if (late.length === 0) return
    // Re-read now: a place in a line that has just ended would be far too late.
    await this.#lookAtLines()
    const nowMs = this.#stores.clock.now()
    const keys = late.map(({ claim }) => keyOf(claim.job))
    const marks = new Map((await store.list(PLACES, keys)).map(({ key, value }) => [key, value]))
    const places = late.map(({ claim }, at) => {
      const [line, atMs] = (marks.get(keys[at] ?? '') ?? '').split(' ')
      return line === lineOf(this.#keyOf('line', claim.job.task)) ? Number(atMs) : undefined
    })
    const dealt = late.flatMap(({ claim: { job } }, at) => (places[at] === undefined ? [{ job, at }] : []))
    const dealtNow = new Set(dealt.map(({ at }) => at))
    const granted = await store.takeTurns(
      dealt.map(({ job: { task } }) => ({
        key: this.#keyOf('line', task),
        intervalMs: intervalOf(this.of(task)) ?? 0,
        burst: 1,
      })),
    )
    await store.put(
      PLACES,
      dealt.map(({ job, at }, index) => {
        const atMs = granted[index] ?? nowMs
        places[at] = atMs
        const value = `${lineOf(this.#keyOf('line', job.task))} ${atMs}`
        return { key: keys[at] ?? '', value, expiresMs: Math.max(atMs, nowMs) + PLACE_KEPT_MS }
      }),
    )
    late.forEach(({ claim: { job }, place, waitMs }, at) => {
      const placeMs = places[at] ?? nowMs
      const soonestMs = nowMs + Math.ceil(waitMs)
      const intervalMs = intervalOf(this.of(job.task)) ?? 0
      const lineMs = intervalMs > 0 ? (LOOK_MS_A_PLACE * (placeMs - nowMs)) / intervalMs : 0
      const lookMs = dealtNow.has(at)
        ? FIRST_LOOK_MS
        : Math.max(Math.min(Math.max(intervalMs / 4, SOONEST_LOOK_MS), LATEST_LOOK_MS), lineMs)
      this.#know(job.context.id, { task: job.task.name, key: keyOf(job), placeMs })
      verdicts[place] = {
        kind: 'postpone',
        // If no worker can make it due sooner when its rate is raised, it also checks before its turn can come.
        untilMs: this.#stores.canPromote
          ? Math.max(soonestMs, Math.min(placeMs, nowMs + lookMs))
          : Math.min(Math.max(soonestMs, placeMs), nowMs + lookMs),
      }
    })
  }

  #know(id: string, waiting: Waiting): void {
    this.#waiting.delete(id)
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size < MOST_KNOWN) break
      this.#waiting.delete(oldest)
    }
    this.#waiting.set(id, waiting)
  }

  async #lookAtRates(): Promise<void> {
    const { cluster, logger } = this.#stores
    const before = this.#rates
    this.#rates = new Map((await cluster.list(RATES)).map(({ key, value }) => [key, value]))
    // They outlive the process that set them, and no code restores them.
    if (this.#rates.size > 0)
      logger.warn(
        { rates: Object.fromEntries(this.#rates) },
        'rate limits set at run time are in force for the whole cluster',
      )
    const changed = new Set([...before.keys(), ...this.#rates.keys()])
    for (const task of changed) if (before.get(task) === this.#rates.get(task)) changed.delete(task)
    await this.#promote(changed)
  }

  async #lookAtLines(): Promise<void> {
    this.#lines = new Map((await this.#stores.cluster.list(LINES)).map(({ key, value }) => [key, value]))
  }

  /** Tasks that this worker postponed under another rate must be handled under the new one at once. */
  async #promote(tasks: ReadonlySet<string>): Promise<void> {
    const ids: string[] = []
    for (const [id, { task }] of this.#waiting) {
      if (!tasks.has(task)) continue
      this.#waiting.delete(id)
      ids.push(id)
    }
    if (ids.length === 0) return
    await this.#stores.promote(ids)
    // And again those that were in transit to where they wait.
    this.#again = this.#stores.clock.setTimer(() => {
      this.#stores
        .promote(ids)
        .catch((error: unknown) =>
          this.#stores.logger.warn(
            { err: error },
            `Cannot make tasks due under a new rate: ${messageOf(error)}`,
          ),
        )
    }, AGAIN_MS)
  }
}

interface Late {
  readonly claim: Claim
  readonly place: number
  readonly waitMs: number
  readonly store: CoordinationStore
}

const RUN: RateVerdict = { kind: 'run' }

/** A retry is a run of its own, and waits for a turn of its own. */
const keyOf = ({ context }: Job): string => `${lifeOf(context.wireHeaders)} ${context.retries}`
/** In the value of a mark, whose parts are separated by a space. */
const lineOf = (key: string): string => key.replaceAll(' ', '_')

import { ALL_LINES, intervalOf, LINES, RATES } from '../../app/fleet/index.js'
import type { AnyTask } from '../../app/tasks/index.js'
import type { CoordinationStore, TurnRequest } from '../../coordination/index.js'
import { messageOf, newId, type Timer } from '../../kernel/index.js'
import { lifeOf } from '../../message/index.js'
import type { Claim } from '../claim.js'
import type { Job } from '../pools/job.js'
import type { LimitStores } from './limit-stores.js'
import type { QueueGate } from './queue-gate.js'

/** Where the places of waiting tasks stand, by task id and attempt: the line that they were dealt in, and Unix ms. */
const PLACES = 'turns'
/** A place that nobody came for is forgotten. */
const PLACE_KEPT_MS = 3_600_000
/** A task asks again by then whether those before it have gone: purged, revoked, or let through by another rate. */
const SOONEST_LOOK_MS = 15_000
const LATEST_LOOK_MS = 60_000
/** One that has just come looks again sooner: places before it may have been given up in this moment. */
const FIRST_LOOK_MS = 2000
/** Of a long line no more than fifty a second look. */
const LOOK_MS_A_PLACE = 20
/** Who comes before its time takes a turn that was free for so long: the one whose turn it was does not come. */
const IDLE_MS = 500
/** How long a task that is put off may be on its way. */
const AGAIN_MS = 1000
/** Of so many waiting tasks at most it is known here that they wait. */
const MOST_KNOWN = 10_000

/** What becomes of a task that has a rate, or whose queue has one. */
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
 * Rates of tasks and queues. Only the start of a run takes a turn, that of its task and that of its queue together or neither. Who has to
 * wait is given a place in the line of its task, and comes back for its turn then: so that each turn finds one that wants it.
 */
export class Rates {
  readonly #stores: LimitStores
  readonly #queues: QueueGate
  /** Those that this worker has put off, by id. */
  readonly #waiting = new Map<string, Waiting>()
  #rates: ReadonlyMap<string, string> = new Map()
  #lines: ReadonlyMap<string, string> = new Map()
  #unwatch: (() => void)[] = []
  #again: Timer | undefined

  constructor(stores: LimitStores, queues: QueueGate) {
    this.#stores = stores
    this.#queues = queues
  }

  /** Reads the rates that were changed at run time, and follows their changes. */
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
  /** More is revoked than before: the places of such tasks are free. */
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

  /** The rate in force: an operator's word before the task's own. */
  of(task: AnyTask): string | number | null {
    return this.#rates.get(task.name) ?? task.options.rateLimit ?? null
  }
  /** Whether a task has a rate, or its queue. */
  concerns({ job, delivery }: Claim): boolean {
    return intervalOf(this.of(job.task)) !== undefined || this.#queues.limits(delivery.queue)
  }

  /** Decides about tasks that were claimed together; what is to run has its turns. */
  async admit(claims: readonly Claim[]): Promise<readonly RateVerdict[]> {
    const { cluster, own } = this.#stores
    const verdicts: RateVerdict[] = claims.map(() => RUN)
    const asked = claims.flatMap((claim, place) => {
      if (!this.#queues.isClosed(claim.delivery.queue)) return [{ claim, place }]
      verdicts[place] = { kind: 'requeue' }
      return []
    })
    const late: Late[] = []
    // A worker's own rate first: the store of all is asked for nothing that does not run.
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

  /** A rate that is set at run time begins anew: what the one before has granted says nothing about it. */
  #keyOf(kind: 'rate' | 'line', { name }: AnyTask): string {
    const set = this.#rates.get(name)
    const key = `${kind}:${name}${set === undefined ? '' : `:${set}`}`
    return kind === 'rate' ? key : `${key}:${this.#lines.get(name) ?? ''}:${this.#lines.get(ALL_LINES) ?? ''}`
  }

  /** One that had a later place: those before it did not come, so that the others are to be dealt new places. */
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
          `Cannot tell that places under a rate are dealt anew: ${messageOf(error)}`,
        ),
      )
  }

  /** Gives those that have to wait their places, once each. */
  async #putOff(late: readonly Late[], store: CoordinationStore, verdicts: RateVerdict[]): Promise<void> {
    if (late.length === 0) return
    // As they are now: a place in a line that has just ended would be far too late.
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
        // Where nobody can make it due sooner when its rate is raised, it looks before its turn can come, too.
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
    // They outlive whoever set them, and no code says so.
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

  /** What this worker has put off under another rate is to be dealt with by the new one at once. */
  async #promote(tasks: ReadonlySet<string>): Promise<void> {
    const ids: string[] = []
    for (const [id, { task }] of this.#waiting) {
      if (!tasks.has(task)) continue
      this.#waiting.delete(id)
      ids.push(id)
    }
    if (ids.length === 0) return
    await this.#stores.promote(ids)
    // And those again that were on their way to where they wait.
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
/** In the value of a mark, whose parts are divided by a space. */
const lineOf = (key: string): string => key.replaceAll(' ', '_')

import {
  LATEST,
  LATEST_KEPT_MS,
  type MessageGuard,
  pendingValue,
  putLatest,
  readGuard,
  stampOf,
  UNIQUE,
} from '../../app/guards/index.js'
import type { Outcome } from '../../app/tasks/index.js'
import type { CoordinationStore, Mark } from '../../coordination/index.js'
import { messageOf, type Timer } from '../../kernel/index.js'
import type { TaskHeaders } from '../../message/index.js'
import type { Job } from '../pools/job.js'
import type { LimitStores } from './limit-stores.js'

/** How often the keys of held tasks are renewed. */
const RENEWAL_MS = 10_000

/** The worker's side of unique and latest calls: a call that is over releases its key, a call that was replaced is not run. */
export class CallGuards {
  readonly #stores: LimitStores
  readonly #held: () => Iterable<Job>
  #renewal: Timer | undefined
  #isStopped = false

  /** @param held The tasks held by this worker. */
  constructor(stores: LimitStores, held: () => Iterable<Job>) {
    this.#stores = stores
    this.#held = held
  }

  stop(): void {
    this.#isStopped = true
    this.#renewal?.cancel()
  }

  /** Whether a later call may have replaced this one, so that a check is needed. */
  applies({ context }: Job): boolean {
    return readGuard(context.wireHeaders)?.kind === 'latest'
  }

  /** For each, whether a later call has replaced it. */
  async areSuperseded(jobs: readonly Job[]): Promise<readonly boolean[]> {
    const guards = jobs.map(({ context }) => readGuard(context.wireHeaders))
    const keys = guards.flatMap((guard) => (guard?.kind === 'latest' ? [guard.key] : []))
    if (keys.length === 0) return jobs.map(() => false)
    const marks = await this.#stores.cluster.list(LATEST, [...new Set(keys)])
    const latest = new Map(marks.map(({ key, value }) => [key, stampOf(value)]))
    // A call of a transaction may not have been able to say that it is the latest.
    for (const [place, guard] of guards.entries()) {
      const id = jobs[place]?.context.id
      if (guard?.kind !== 'latest' || id === undefined || (latest.get(guard.key) ?? 0) >= guard.stamp)
        continue
      latest.set(guard.key, guard.stamp)
      const { cluster, clock } = this.#stores
      const mark = { key: guard.key, value: `${guard.stamp} ${id}`, expiresMs: clock.now() + LATEST_KEPT_MS }
      await putLatest(clock, cluster, mark, guard.stamp)
    }
    return guards.map((guard) => guard?.kind === 'latest' && (latest.get(guard.key) ?? 0) > guard.stamp)
  }

  /** A task is held here, so its key is renewed. */
  took({ context }: Job): void {
    const guard = readGuard(context.wireHeaders)
    if (guard?.kind !== 'unique' || guard.until === 'expiry' || this.#renewal || this.#isStopped) return
    // The first renewal is soon: the task may have waited nearly as long as its key lives.
    this.#renewLater(0)
  }

  /** A run starts. */
  begun({ context }: Job): void {
    const guard = readGuard(context.wireHeaders)
    if (guard?.kind === 'unique' && guard.until === 'start') void this.#release(guard, context.id)
  }

  /** A run has ended, or a message that is not run. Its end is reported after this: a caller that sees it may send the next call. */
  ended(headers: TaskHeaders, outcome?: Outcome): Promise<void> | undefined {
    const guard = readGuard(headers)
    if (guard?.kind !== 'unique' || guard.until === 'expiry') return undefined
    if (outcome?.kind === 'lost' || (outcome?.kind === 'reject' && outcome.requeue)) return undefined
    if (outcome?.kind === 'retry') return this.#keep(guard, headers.id, outcome.dueMs)
    // With `success`, only a permanent failure leaves the key held.
    if (guard.until === 'success' && (outcome?.kind === 'failure' || outcome?.kind === 'reject'))
      return undefined
    return this.#release(guard, headers.id)
  }

  #keep(
    guard: Extract<MessageGuard, { kind: 'unique' }>,
    id: string,
    dueMs: number,
  ): Promise<void> | undefined {
    if (guard.until === 'start') return undefined
    const { cluster, logger } = this.#stores
    const mark = { key: guard.key, value: id, expiresMs: dueMs + guard.forMs }
    return hold(cluster, [mark]).then(noop, (error: unknown) =>
      logger.warn({ err: error, task_id: id }, 'cannot keep the key of a unique task'),
    )
  }

  #release({ key }: MessageGuard, id: string): Promise<void> {
    const { cluster, logger } = this.#stores
    return cluster
      .remove(UNIQUE, [
        { key, value: id },
        { key, value: pendingValue(id) },
      ])
      .then(noop, (error: unknown) =>
        logger.warn(
          { err: error, task_id: id },
          'cannot release the key of a unique task; it expires by itself',
        ),
      )
  }

  #renewLater(ms: number): void {
    if (this.#isStopped) return
    const { cluster, clock, logger } = this.#stores
    this.#renewal = clock.setTimer(() => {
      const nowMs = clock.now()
      const marks = [...this.#held()].flatMap(({ context: { id, wireHeaders } }) => {
        const guard = readGuard(wireHeaders)
        return guard?.kind === 'unique' && guard.until !== 'expiry'
          ? [{ key: guard.key, value: id, expiresMs: nowMs + guard.forMs }]
          : []
      })
      if (marks.length === 0) {
        this.#renewal = undefined
        return
      }
      hold(cluster, marks)
        .catch((error: unknown) =>
          logger.warn({ err: error }, `Cannot renew the keys of unique tasks: ${messageOf(error)}`),
        )
        .finally(() =>
          this.#renewLater(Math.min(RENEWAL_MS, ...marks.map(({ expiresMs }) => (expiresMs - nowMs) / 3))),
        )
    }, ms)
  }
}

/** Holds keys longer; those whose producer could not yet say that it has published their calls, too. */
async function hold(cluster: CoordinationStore, marks: readonly Mark[]): Promise<void> {
  const isHeld = await cluster.replace(
    UNIQUE,
    marks.map((mark) => ({ was: mark.value, mark })),
  )
  const pending = marks.filter((_, place) => !isHeld[place])
  if (pending.length > 0)
    await cluster.replace(
      UNIQUE,
      pending.map((mark) => ({ was: pendingValue(mark.value), mark })),
    )
}

const noop = (): void => {}

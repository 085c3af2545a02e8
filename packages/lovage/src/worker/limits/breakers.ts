import { BREAKERS, guardKey } from '../../app/guards/index.js'
import { type AnyTask, type Breaker, breakerOf, type Outcome } from '../../app/tasks/index.js'
import type { Mark, SlotRequest } from '../../coordination/index.js'
import { delay, messageOf, newId, TaskError, type Timer } from '../../kernel/index.js'
import type { Job } from '../pools/job.js'
import { isTripped, type RunWindow, slide, verdictOf } from './breaker-window.js'
import type { LimitStores } from './limit-stores.js'

/** The space of last runs: key → window. */
const RUNS = 'breaker-runs'
/** A window without new runs for this long is no longer meaningful. */
const RUNS_KEPT_MS = 3_600_000
/** An open breaker without a trial for this long after its time counts as closed. */
const OPEN_KEPT_MS = 86_400_000
/** Maximum delay for reporting successes; failures are reported at once. */
const REPORT_MS = 1000
/** The trial run of an open breaker holds it for at most this long after its last sign of life. */
const LONGEST_PROBE_MS = 30_000
/** Attempts at a write that many workers make at once; the remainder is written with the next report. */
const MOST_TRIES = 20

/** The decision about a task whose breaker is open. */
export type BreakerVerdict =
  | { readonly kind: 'run' }
  | { readonly kind: 'postpone'; readonly untilMs: number }
  | { readonly kind: 'fail'; readonly error: TaskError }

interface Report {
  readonly task: string
  readonly breaker: Breaker
  runs: RunWindow
}

/**
 * The fleet's circuit breakers: closed while there is no mark, open until the time in the mark, then half-open: one trial run
 * is let through, and closes or reopens it. The last runs of all workers form one window in the store; which breakers
 * are open is known locally, so a closed one costs a task nothing.
 */
export class Breakers {
  readonly #stores: LimitStores
  readonly #probes = new Map<string, { readonly key: string; readonly slot: SlotRequest }>()
  #reports = new Map<string, Report>()
  #open: ReadonlyMap<string, string> = new Map()
  #flushing: Promise<void> | undefined
  #timer: Timer | undefined
  #renewal: Timer | undefined
  #unwatch: (() => void) | undefined
  #isStopped = false

  constructor(stores: LimitStores) {
    this.#stores = stores
  }

  /** Reads the open breakers, and follows changes. */
  async start(): Promise<void> {
    const { cluster, logger } = this.#stores
    this.#unwatch = cluster.watch(BREAKERS, () => {
      this.#look().catch((error: unknown) =>
        logger.warn({ err: error }, `Cannot read which circuit breakers are open: ${messageOf(error)}`),
      )
    })
    await this.#look()
  }

  /** Reports the remaining results. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unwatch?.()
    this.#timer?.cancel()
    this.#renewal?.cancel()
    await this.#flush()
  }

  /** Whether a task's breaker is open, so that a decision is needed. */
  applies(job: Job): boolean {
    if (this.#open.size === 0) return false
    const key = this.#keyOf(job)
    return key !== undefined && this.#open.has(key)
  }

  /** Decides about tasks whose breaker is open. */
  async admit(jobs: readonly Job[]): Promise<readonly BreakerVerdict[]> {
    const nowMs = this.#stores.clock.now()
    const verdicts: BreakerVerdict[] = []
    for (const job of jobs) verdicts.push(await this.#admit(job, nowMs))
    return verdicts
  }

  /** Records the end of a run. */
  ended(job: Job, outcome: Outcome): void {
    const breaker = breakerOf(job.task.options)
    if (!breaker) return
    const verdict = verdictOf(outcome)
    const probe = this.#probes.get(job.context.id)
    if (probe) {
      this.#probes.delete(job.context.id)
      this.#answer(probe.key, probe.slot, breaker, job.task.name, verdict)
      return
    }
    const key = this.#keyOf(job)
    // Runs that started before it opened provide no new information.
    if (verdict === undefined || key === undefined || this.#open.has(key)) return
    const report = this.#reports.get(key) ?? { task: job.task.name, breaker, runs: '' }
    report.runs = slide(report.runs, verdict, breaker)
    this.#reports.set(key, report)
    if (verdict === '0') void this.#flush()
    else this.#timer ??= this.#stores.clock.setTimer(() => void this.#flush(), REPORT_MS)
  }

  /** A run was given back, or belongs to another worker now: its next holder may make the trial. */
  left({ context }: Job): void {
    const probe = this.#probes.get(context.id)
    if (!probe) return
    this.#probes.delete(context.id)
    void this.#leave(probe.slot)
  }

  async #look(): Promise<void> {
    const { cluster, signals } = this.#stores
    const before = this.#open
    this.#open = new Map((await cluster.list(BREAKERS)).map(({ key, value }) => [key, value]))
    for (const key of this.#open.keys())
      if (!before.has(key)) signals.emit('circuitBreakerChanged', { key, state: 'open' })
    for (const key of before.keys())
      if (!this.#open.has(key)) signals.emit('circuitBreakerChanged', { key, state: 'closed' })
  }

  async #admit(job: Job, nowMs: number): Promise<BreakerVerdict> {
    const breaker = breakerOf(job.task.options)
    const key = this.#keyOf(job)
    const value = key === undefined ? undefined : this.#open.get(key)
    if (!breaker || key === undefined || value === undefined) return { kind: 'run' }
    const openUntilMs = Number(value.split(' ', 1)[0])
    if (openUntilMs > nowMs) return wait(breaker, job.task, key, openUntilMs)
    const slot = {
      key: `breaker:${key}`,
      member: job.context.id,
      limit: 1,
      ttlMs: Math.min(breaker.openForMs, LONGEST_PROBE_MS),
    }
    const [isIn] = await this.#stores.cluster.enter([slot])
    if (!isIn) return wait(breaker, job.task, key, nowMs + slot.ttlMs / 4)
    this.#probes.set(job.context.id, { key, slot })
    this.#keepRenewing()
    return { kind: 'run' }
  }

  /** Records the outcome of a trial run: closed again, or open for another period. */
  #answer(
    key: string,
    slot: SlotRequest,
    breaker: Breaker,
    task: string,
    verdict: '1' | '0' | undefined,
  ): void {
    const { cluster, clock, logger } = this.#stores
    const value = this.#open.get(key)
    const told = async (): Promise<void> => {
      if (value !== undefined && verdict === '1') {
        await cluster.remove(RUNS, [{ key }])
        if ((await cluster.remove(BREAKERS, [{ key, value }])) > 0)
          logger.warn({ task_name: task, breaker: key }, `the circuit breaker of ${task} is closed again`)
      } else if (value !== undefined && verdict === '0') {
        await cluster.replace(BREAKERS, [
          { was: value, mark: openMark(key, task, clock.now() + breaker.openForMs) },
        ])
      }
      await cluster.leave([slot])
    }
    told().catch((error: unknown) =>
      logger.error(
        { err: error, breaker: key },
        'cannot report how the trial run of an open circuit breaker ended',
      ),
    )
  }

  /** Adds the runs of this worker to the shared windows, and opens breakers as needed. One update at a time. */
  #flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined
      if ([...this.#reports.values()].some(({ runs }) => runs.includes('0'))) void this.#flush()
    })
    return this.#flushing
  }

  async #writeAll(): Promise<void> {
    const reports = this.#reports
    this.#reports = new Map()
    for (const [key, report] of reports) {
      try {
        await this.#write(key, report)
      } catch (error) {
        this.#stores.logger.error({ err: error, breaker: key }, 'cannot share how runs of a task ended')
      }
    }
  }

  async #write(key: string, { breaker, runs, task }: Report): Promise<void> {
    const { cluster, clock, logger } = this.#stores
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const expiresMs = clock.now() + RUNS_KEPT_MS
      // Equal windows are told apart by their writer.
      const value = (of: RunWindow): string => `${newId()} ${of}`
      const first = { key, value: value(runs), expiresMs }
      const [standing] = await cluster.put(RUNS, [first], { ifAbsent: true })
      let window = runs
      if (standing && standing.value !== first.value) {
        window = slide(standing.value.split(' ')[1] ?? '', runs, breaker)
        const mark = { key, value: value(window), expiresMs }
        const [isReplaced] = await cluster.replace(RUNS, [{ was: standing.value, mark }])
        if (!isReplaced) {
          await delay(clock, 10 * Math.random() * (tries + 1))
          continue
        }
      }
      if (!isTripped(window, breaker)) return
      const mark = openMark(key, task, clock.now() + breaker.openForMs)
      const [open] = await cluster.put(BREAKERS, [mark], { ifAbsent: true })
      if (open?.value !== mark.value) return
      logger.error(
        { task_name: task, breaker: key },
        `the circuit breaker of ${task} is open for ${breaker.openForMs / 1000} s: most of its last runs failed`,
      )
      return
    }
    if (!this.#isStopped) this.#reports.set(key, { breaker, runs, task })
  }

  #keyOf({ task, context }: Job): string | undefined {
    const breaker = breakerOf(task.options)
    if (!breaker) return undefined
    return breaker.key ? guardKey(task.name, context, breaker.key, task.definition) : task.name
  }

  async #leave(slot: SlotRequest): Promise<void> {
    await this.#stores.cluster
      .leave([slot])
      .catch((error: unknown) =>
        this.#stores.logger.warn(
          { err: error },
          'cannot release the trial run of a circuit breaker; its lease expires',
        ),
      )
  }

  #keepRenewing(): void {
    if (this.#renewal || this.#probes.size === 0 || this.#isStopped) return
    const { cluster, clock, logger } = this.#stores
    const ttlMs = Math.min(...[...this.#probes.values()].map(({ slot }) => slot.ttlMs))
    this.#renewal = clock.setTimer(() => {
      this.#renewal = undefined
      cluster
        .enter([...this.#probes.values()].map(({ slot }) => slot))
        .catch((error: unknown) =>
          logger.warn({ err: error }, `Cannot renew a trial run: ${messageOf(error)}`),
        )
        .finally(() => this.#keepRenewing())
    }, ttlMs / 3)
  }
}

const openMark = (key: string, task: string, untilMs: number): Mark => ({
  key,
  value: `${Math.ceil(untilMs)} ${task}`,
  expiresMs: untilMs + OPEN_KEPT_MS,
})

function wait({ whileOpen }: Breaker, { name }: AnyTask, key: string, untilMs: number): BreakerVerdict {
  return whileOpen === 'postpone'
    ? { kind: 'postpone', untilMs }
    : { kind: 'fail', error: circuitOpen(name, key) }
}

function circuitOpen(task: string, breaker: string): TaskError {
  const error = new TaskError(`The circuit breaker of ${task} is open: most of its last runs failed.`, {
    code: 'LVG_TASK_CIRCUIT_OPEN',
    details: { breaker },
  })
  error.name = 'CircuitOpenError'
  return error
}

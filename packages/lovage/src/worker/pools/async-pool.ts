import { failure, run } from '../../app/running/index.js'
import { type Outcome, SoftTimeLimitExceeded, TimeLimitExceeded } from '../../app/tasks/index.js'
import { type Clock, FleetingMap, type Timer } from '../../kernel/index.js'
import type { RunLimits } from '../time-limits.js'
import type { Job } from './job.js'
import type { PoolListener, PoolStats, WorkerPool } from './pool.js'

/** How long a run keeps its slot after its time is up when its promise does not settle. */
const ABORT_GRACE_MS = 5000

interface Run {
  readonly job: Job
  readonly timers: Timer[]
  readonly interrupt: (reason: Error) => void
}

/** Runs tasks on this process's own event loop: for tasks that wait more than they compute. With one slot it is the solo pool. */
export class AsyncPool implements WorkerPool {
  readonly kind: 'async' | 'solo'
  readonly isRemote = false
  readonly pids = [process.pid]
  readonly #clock: Clock
  readonly #abortGraceMs: number
  /** By task id; a message delivered twice may run twice, and then the second has a longer key. */
  readonly #running = new FleetingMap<Run>()
  #twins = 0
  #onFirstRun: (() => void) | undefined
  #slots: number
  /** Runs whose time is up and that still hold their slot. */
  #lingering = 0
  #zombies = 0
  #listener: PoolListener | undefined

  constructor(
    slots: number,
    clock: Clock,
    options: {
      readonly kind?: 'async' | 'solo'
      readonly abortGraceMs?: number
      /** Before the first run. */
      readonly onFirstRun?: () => void
    } = {},
  ) {
    this.#slots = slots
    this.#clock = clock
    this.kind = options.kind ?? 'async'
    this.#onFirstRun = options.onFirstRun
    this.#abortGraceMs = options.abortGraceMs ?? ABORT_GRACE_MS
  }

  get slots(): number {
    return Math.max(0, this.#slots - this.#lingering)
  }
  get capacity(): number {
    return this.slots
  }
  get stats(): PoolStats {
    return { zombies: this.#zombies, lost: 0, replaced: 0 }
  }

  async start(listener: PoolListener): Promise<void> {
    this.#listener = listener
  }

  run(job: Job, limits?: RunLimits): Outcome | Promise<Outcome> {
    if (this.#onFirstRun) {
      this.#onFirstRun()
      this.#onFirstRun = undefined
    }
    const outcome = run(job.task, job.context, this.#dice)
    if (!(outcome instanceof Promise)) return outcome
    const { context, task } = job
    const key = this.#running.get(context.id) ? `${context.id} ${++this.#twins}` : context.id
    return new Promise((resolve) => {
      let isOver = false
      const finish = (end: Outcome): void => {
        isOver = true
        this.#running.delete(key)
        for (const timer of entry.timers) timer.cancel()
        resolve(end)
      }
      const entry: Run = {
        job,
        timers: [],
        interrupt: (reason) => {
          context.abort(reason)
          finish(failure(task, reason))
          this.#linger(outcome)
        },
      }
      this.#running.set(key, entry)
      if (limits) this.#limit(entry, limits)
      outcome.then((end) => {
        if (!isOver) finish(end)
      })
    })
  }

  async resize(slots: number): Promise<void> {
    this.#slots = Math.max(1, slots)
  }

  /** A promise cannot be killed: its signal is aborted, and its further effects are its own. */
  terminate(taskId: string, reason: Error): boolean {
    const found = this.#running.values().filter(({ job }) => job.context.id === taskId)
    for (const { interrupt } of found) interrupt(reason)
    return found.length > 0
  }

  restart(): void {}

  async stop(how: 'warm' | 'cold'): Promise<void> {
    for (const { timers, job } of this.#running.values()) {
      for (const timer of timers) timer.cancel()
      if (how === 'cold') job.context.abort(new Error('The worker is shutting down.'))
    }
  }

  #limit({ timers, interrupt, job }: Run, { hard, soft }: RunLimits): void {
    if (soft !== undefined) {
      const onSoft = () => job.context.abort(new SoftTimeLimitExceeded(soft))
      timers.push(this.#clock.setTimer(onSoft, soft * 1000))
    }
    if (hard !== undefined)
      timers.push(this.#clock.setTimer(() => interrupt(new TimeLimitExceeded(hard)), hard * 1000))
  }

  /** The slot is kept for a while, so that a run that obeys the signal ends before the next task; after that it is a zombie. */
  #linger(outcome: Promise<Outcome>): void {
    this.#lingering++
    let isZombie = false
    const patience = this.#clock.setTimer(() => {
      isZombie = true
      this.#lingering--
      this.#zombies++
      this.#listener?.onSlots()
    }, this.#abortGraceMs)
    void outcome.then(() => {
      patience.cancel()
      if (isZombie) this.#zombies--
      else {
        this.#lingering--
        this.#listener?.onSlots()
      }
    })
  }

  readonly #dice = () => ({ nowMs: this.#clock.now(), random: Math.random })
}

import { performance } from 'node:perf_hooks'
import type { Outcome } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import { FleetingMap } from '../kernel/index.js'
import { type Claim, type ClaimObserver, isHeld, type ReturnReason } from './claim.js'
import type { Job } from './pools/job.js'
import type { Refused } from './refused.js'

/** The sole owner of a worker's claims: the messages it holds, their states, and the observers of state changes. */
export class Claims {
  readonly #held = new FleetingMap<Claim>()
  readonly #line: Claim[] = []
  readonly #observers: ClaimObserver[] = []
  // By event, so that a task calls only observers that listen for it.
  readonly #onQueued: ClaimObserver[] = []
  readonly #onRunning: ClaimObserver[] = []
  readonly #onBegun: ClaimObserver[] = []
  readonly #onEnded: ClaimObserver[] = []
  #running = 0
  #onNone: (() => void) | undefined

  /** Registers an observer of everything from now on, after the existing ones. */
  observe(...observers: readonly ClaimObserver[]): void {
    for (const observer of observers) {
      this.#observers.push(observer)
      if (observer.queued) this.#onQueued.push(observer)
      if (observer.running) this.#onRunning.push(observer)
      if (observer.begun) this.#onBegun.push(observer)
      if (observer.ended) this.#onEnded.push(observer)
    }
  }

  get size(): number {
    return this.#held.size
  }
  get all(): readonly Claim[] {
    return this.#held.values()
  }
  /** Number of running tasks. */
  get running(): readonly Claim[] {
    return this.#running === 0 ? [] : this.#held.values().filter(({ state }) => state === 'running')
  }
  /** Number of tasks that are not running yet. */
  get waiting(): readonly Claim[] {
    return this.#held.size === this.#running ? [] : this.all.filter(({ state }) => state !== 'running')
  }

  /** The claim for a delivery's tag, while it is held. */
  find(tag: string): Claim | undefined {
    return this.#held.get(tag)
  }

  /** Holds a new claim, outside of the line. */
  take(delivery: Delivery, job: Job, nowMs: number): Claim {
    const claim: Claim = {
      delivery,
      job,
      receivedMs: nowMs,
      state: 'taken',
      startedMs: undefined,
      startedAt: 0,
      pid: undefined,
    }
    this.#held.set(delivery.tag, claim)
    return claim
  }

  /** Refuses a message. Settle it after the returned promise. */
  refuse(delivery: Delivery, why: Refused): Promise<void> | undefined {
    let after: Promise<void> | undefined
    for (const observer of this.#observers) after = both(after, observer.refused?.(delivery, why))
    return after
  }

  /** Puts a taken claim into the line; false if it is no longer held. */
  queueUp(claim: Claim): boolean {
    if (claim.state !== 'taken') return false
    claim.state = 'queued'
    this.#line.push(claim)
    for (const observer of this.#onQueued) observer.queued?.(claim)
    return true
  }

  /** Returns the next in line when fewer than `capacity` run; one that is acknowledged early needs a slot. It has its slot from here. */
  next(
    { slots, capacity }: { readonly slots: number; readonly capacity: number },
    nowMs: number,
  ): Claim | undefined {
    while (this.#running < capacity) {
      const [claim] = this.#line
      if (!claim) return undefined
      const waits = claim.state === 'queued'
      if (waits && this.#running >= slots && claim.job.task.options.acksLate === false) return undefined
      this.#line.shift()
      if (!waits) continue
      claim.state = 'running'
      claim.startedMs = nowMs
      claim.startedAt = performance.now()
      this.#running++
      return claim
    }
    return undefined
  }

  /** It was handed to the pool. */
  handedOver(claim: Claim): void {
    for (const observer of this.#onRunning) observer.running?.(claim)
  }

  /** Its code runs, in a child of this process id or here; a child's time counts from here, not from its slot. */
  begun(claim: Claim, childPid?: number): void {
    claim.pid = childPid ?? process.pid
    if (childPid !== undefined) claim.startedAt = performance.now()
    for (const observer of this.#onBegun) observer.begun?.(claim)
  }

  /** Ends a claim; `outcome` is undefined if no run completed. Settle it after the returned promise. */
  end(claim: Claim, outcome: Outcome | undefined, runtimeMs: number): Promise<void> | undefined {
    this.#release(claim, 'ended')
    let after: Promise<void> | undefined
    for (const observer of this.#onEnded) after = both(after, observer.ended?.(claim, outcome, runtimeMs))
    this.#tellNone()
    return after
  }

  /** Marks it settled: the broker knows of its end. */
  settled(claim: Claim): void {
    if (claim.state === 'ended') claim.state = 'settled'
  }

  /** Releases a claim without an outcome. False if that was done before. */
  return(claim: Claim, why: ReturnReason): boolean {
    if (claim.state === 'settled' || claim.state === 'returned') return false
    this.#release(claim, 'returned')
    for (const observer of this.#observers) observer.returned?.(claim, why)
    this.#tellNone()
    return true
  }

  /** Resolves when nothing is held. */
  none(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onNone = resolve
    })
  }

  #release(claim: Claim, state: 'ended' | 'returned'): void {
    if (isHeld(claim)) {
      this.#held.delete(claim.delivery.tag)
      if (claim.state === 'running') this.#running--
    }
    claim.state = state
  }

  #tellNone(): void {
    if (this.#held.size === 0) this.#onNone?.()
  }
}

/** Most ends need no waiting, and then no promise is created. */
function both(
  first: Promise<void> | undefined,
  second: Promise<void> | undefined,
): Promise<void> | undefined {
  if (!first || !second) return first ?? second
  return Promise.all([first, second]).then(() => {})
}

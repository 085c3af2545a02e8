import { performance } from 'node:perf_hooks'
import type { Delivery } from '../broker/index.js'
import { FleetingMap } from '../kernel/index.js'
import type { Job } from './pools/job.js'

/** A message that is ours and not settled yet. */
export interface Claim {
  readonly delivery: Delivery
  readonly job: Job
  /** Unix ms. */
  readonly receivedMs: number
  /** Unix ms at which its run began; undefined while it waits for a slot. */
  startedMs: number | undefined
  /** The same instant on the clock that never jumps, to measure the run by. */
  startedAt: number
  /** False once it is settled, or lost. */
  isHeld: boolean
}

/** What a worker holds: tasks that run, and tasks that wait for a slot in the order in which they came. */
export class Claims {
  readonly #held = new FleetingMap<Claim>()
  readonly #waiting: Claim[] = []
  #running = 0
  #onNone: (() => void) | undefined

  get size(): number {
    return this.#held.size
  }
  get all(): readonly Claim[] {
    return this.#held.values()
  }
  /** Tasks that run. */
  get running(): readonly Claim[] {
    return this.#running === 0 ? [] : this.#held.values().filter((claim) => claim.startedMs !== undefined)
  }
  /** Tasks that do not run yet. */
  get waiting(): readonly Claim[] {
    return this.#held.size === this.#running ? [] : this.all.filter((claim) => claim.startedMs === undefined)
  }

  /** Holds a newcomer, outside of the line. */
  hold(delivery: Delivery, job: Job, nowMs: number): Claim {
    const claim: Claim = {
      delivery,
      job,
      receivedMs: nowMs,
      startedMs: undefined,
      startedAt: 0,
      isHeld: true,
    }
    this.#held.set(delivery.tag, claim)
    return claim
  }

  /** Puts one that is held into the line; false when it is held no more. */
  queueUp(claim: Claim): boolean {
    if (!claim.isHeld) return false
    this.#waiting.push(claim)
    return true
  }

  /** What a delivery's tag names, while it is held. */
  find(tag: string): Claim | undefined {
    return this.#held.get(tag)
  }

  /**
   * The next in line when fewer than `capacity` run; one that is acknowledged early needs a slot. It counts as
   * running from here.
   */
  next(
    { slots, capacity }: { readonly slots: number; readonly capacity: number },
    nowMs: number,
  ): Claim | undefined {
    while (this.#running < capacity) {
      const [claim] = this.#waiting
      if (!claim) return undefined
      if (claim.isHeld && this.#running >= slots && claim.job.task.options.acksLate === false)
        return undefined
      this.#waiting.shift()
      if (!claim.isHeld) continue
      claim.startedMs = nowMs
      claim.startedAt = performance.now()
      this.#running++
      return claim
    }
    return undefined
  }

  /** A run that was handed to children has begun in one: its time counts from here. Children take few at once. */
  begun(job: Job): void {
    for (const claim of this.#held.values()) {
      if (claim.job !== job) continue
      claim.startedAt = performance.now()
      return
    }
  }

  /** Ours no more: settled, or lost. False when that was so before. */
  remove(claim: Claim): boolean {
    if (!claim.isHeld) return false
    claim.isHeld = false
    this.#held.delete(claim.delivery.tag)
    if (claim.startedMs !== undefined) this.#running--
    if (this.#held.size === 0) this.#onNone?.()
    return true
  }

  /** Resolves when nothing is held. */
  none(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onNone = resolve
    })
  }
}

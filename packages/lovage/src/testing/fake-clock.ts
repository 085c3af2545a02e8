import type { Clock, Timer } from '../kernel/index.js'

/**
 * A clock that stands still until it is advanced.
 *
 * @example
 * import { createTestApp, FakeClock, startTestWorker } from 'lovage/testing'
 * const clock = new FakeClock(new Date('2030-01-01'))
 * const shop = createTestApp('shop', { clock })
 * await using _worker = await startTestWorker(shop)
 * await clock.advance(60_000) // what was due within a minute has run
 */
export class FakeClock implements Clock {
  #nowMs: number
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>()

  /** @param start Default 2026-01-01T00:00:00Z. */
  constructor(start: Date | number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = typeof start === 'number' ? start : start.getTime()
  }

  now(): number {
    return this.#nowMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Advances the time, firing due timers in order; promises settle between two timers. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
      await settle()
    }
    this.#nowMs = untilMs
    await settle()
  }

  /** Sets the time without firing timers, as an operator or NTP does to a real clock. */
  jump(toMs: number): void {
    this.#nowMs = toMs
  }

  #next(untilMs: number) {
    return [...this.#timers]
      .filter(({ dueMs }) => dueMs <= untilMs)
      .sort((left, right) => left.dueMs - right.dueMs)[0]
  }
}

/** Lets pending callbacks and promises run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

import type { Clock } from './clock.js'

const last = new WeakMap<Clock, number>()

/** Unix ms that only grow, by a thousandth at least, so that what happens in one millisecond has its order. */
export function growingMs(clock: Clock): number {
  const ms = Math.max(clock.now(), (last.get(clock) ?? 0) + 0.001)
  last.set(clock, ms)
  return ms
}

import type { Clock } from './clock.js'

const last = new WeakMap<Clock, number>()

/** Strictly increasing Unix ms, by at least a thousandth, so that events within one millisecond keep their order. */
export function growingMs(clock: Clock): number {
  const ms = Math.max(clock.now(), (last.get(clock) ?? 0) + 0.001)
  last.set(clock, ms)
  return ms
}

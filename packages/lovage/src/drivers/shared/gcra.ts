import type { TurnRequest } from '../../coordination/index.js'

/** The stored state of a rate: the time at which its next turn would be, if turns were evenly spaced. */
export interface TurnTaken {
  /** Unix ms of the turn. */
  readonly atMs: number
  /** The value to store (the theoretical arrival time of GCRA). */
  readonly nextMs: number
}

/**
 * The next turn under a rate (GCRA): `burst` turns may be taken at once after idleness, then one each `intervalMs`.
 * Turns in the future are granted too, so that no caller has to ask twice.
 */
export function takeTurn(
  rememberedMs: number | undefined,
  nowMs: number,
  intervalMs: number,
  burst: number,
): TurnTaken {
  const theoreticalMs = Math.max(rememberedMs ?? nowMs, nowMs)
  const atMs = Math.max(nowMs, theoreticalMs - (Math.max(1, burst) - 1) * intervalMs)
  return { atMs, nextMs: theoreticalMs + intervalMs }
}

/** How long a rate is remembered after its turn came: longer than any `idleMs`. */
export const REMEMBERED_MS = 2000

/** A turn that is taken a moment late does not shorten the next one's time: otherwise a rate would never be reached. */
const from = (turnMs: number, nowMs: number, intervalMs: number): number =>
  nowMs - turnMs <= Math.max(50, Math.min(250, intervalMs)) ? turnMs : nowMs

/**
 * Takes the turns of a group if all of them are available now. `next` holds the state of the rates and is updated; returns how long each
 * would have to wait.
 */
export function tryTurns(
  group: readonly TurnRequest[],
  next: Map<string, number>,
  nowMs: number,
): readonly number[] {
  const waits = group.map(({ key, idleMs = 0 }) => Math.max(0, (next.get(key) ?? 0) + idleMs - nowMs))
  if (waits.every((waitMs) => waitMs === 0))
    for (const { key, intervalMs } of group)
      next.set(key, from(next.get(key) ?? 0, nowMs, intervalMs) + intervalMs)
  return waits
}

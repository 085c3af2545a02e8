/** What is remembered of a rate: the time at which its next turn would be, were they evenly spaced. */
export interface TurnTaken {
  /** Unix ms of the turn. */
  readonly atMs: number
  /** What to remember (the theoretical arrival time of GCRA). */
  readonly nextMs: number
}

/**
 * The next turn under a rate (GCRA): `burst` turns may be taken at once after idleness, then one each `intervalMs`.
 * Turns in the future are handed out too, so that nobody has to ask twice.
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

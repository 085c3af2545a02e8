import type { Clock } from '../kernel/index.js'

const SILENCE_MS = 60_000

/**
 * Forwards each complaint, but repeats the same text only once a minute: a full server fails every sweep, every second, and an
 * unreachable one every scrape.
 */
export function withoutRepetition(
  onError: (error: unknown) => void,
  clock: Pick<Clock, 'now'>,
): (error: unknown) => void {
  const toldMs = new Map<string, number>()
  return (error) => {
    const words = error instanceof Error ? error.message : String(error)
    const nowMs = clock.now()
    if (nowMs - (toldMs.get(words) ?? Number.NEGATIVE_INFINITY) < SILENCE_MS) return
    for (const [other, ms] of toldMs) if (nowMs - ms >= SILENCE_MS) toldMs.delete(other)
    toldMs.set(words, nowMs)
    onError(error)
  }
}

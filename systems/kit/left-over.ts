import type { Lovage } from 'lovage'
import type { Done } from './stage.js'

/** What still waits or is held in an app's queues, and its dead letters: both lines say so when there are any. */
export async function leftOver(app: Lovage, expectedLetters = 0): Promise<readonly Done[]> {
  const waiting = (await app.queues.report()).reduce(
    (sum, { ready, unacked = 0, delayed = 0 }) => sum + ready + unacked + delayed,
    0,
  )
  const letters = [...(await app.deadLetters.queues()).values()].reduce((sum, count) => sum + count, 0)
  return [
    { what: 'left in queues', count: waiting, ok: waiting === 0 },
    { what: 'dead letters', count: letters, ok: letters === expectedLetters },
  ]
}

/** Waits, a minute at most, until a number is reached; gives the number. */
export async function untilCount(
  count: () => number | Promise<number>,
  wanted: number,
  timeoutMs = 60_000,
): Promise<number> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const now = await count()
    if (now >= wanted || performance.now() > deadline) return now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

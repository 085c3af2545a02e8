import type { Lovage } from 'lovage'
import type { Done } from './stage.js'

/**
 * What still waits or is held in an app's queues, and its dead letters: both lines say so when it is not what was expected. What is on its
 * way, such as an acknowledgement, has a minute.
 */
export async function leftOver(app: Lovage, expectedLetters = 0): Promise<readonly Done[]> {
  let waiting = 0
  let letters = 0
  await untilCount(async () => {
    waiting = (await app.queues.report()).reduce(
      (sum, { ready, unacked = 0, delayed = 0 }) => sum + ready + unacked + delayed,
      0,
    )
    letters = [...(await app.deadLetters.queues()).values()].reduce((sum, count) => sum + count, 0)
    return waiting === 0 && letters === expectedLetters ? 1 : 0
  }, 1)
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

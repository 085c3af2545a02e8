/**
 * Keeps the process until work has ended: timers of the clock, and connections that listen, let it end, as they must in a
 * producer that has nothing more to do, but not while somebody waits for an answer.
 */
export async function stayAlive<T>(work: Promise<T>): Promise<T> {
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  try {
    return await work
  } finally {
    clearInterval(alive)
  }
}

import type { Unsubscribe } from './unsubscribe.js'

/**
 * Keeps the process until it is told that it need not: timers of the clock, and connections that listen, let it end, as they must in
 * a producer that has nothing more to do, but not while somebody waits.
 */
export function holdProcess(): Unsubscribe {
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  return () => clearInterval(alive)
}

/** Keeps the process until work has ended. */
export async function stayAlive<T>(work: Promise<T>): Promise<T> {
  const release = holdProcess()
  try {
    return await work
  } finally {
    release()
  }
}

import type { Unsubscribe } from './unsubscribe.js'

/**
 * Keeps the process alive until released. The clock's timers and listening connections let it exit, as they must in a producer that has
 * nothing left to do, but not while a caller is waiting.
 */
export function holdProcess(): Unsubscribe {
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  return () => clearInterval(alive)
}

/** Keeps the process alive until the work settles. */
export async function stayAlive<T>(work: Promise<T>): Promise<T> {
  const release = holdProcess()
  try {
    return await work
  } finally {
    release()
  }
}

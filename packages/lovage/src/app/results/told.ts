import { holdProcess, type Unsubscribe } from '../../kernel/index.js'

/** Where a subscription puts what it hears. */
export interface Listener<T> {
  /** Something for the reader. */
  readonly push: (item: T) => void
  /** There will be no more. */
  readonly end: () => void
}

/**
 * What a subscription tells, for a loop that takes it as it comes. The subscription ends with the loop, or when `signal` is aborted.
 * @param kept So many wait for a slow reader; when there are twice as many the older ones give way.
 */
export async function* told<T>(
  subscribe: (listener: Listener<T>) => Unsubscribe | Promise<Unsubscribe>,
  kept: number,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const waiting: T[] = []
  let isOver = false
  let wake = (): void => {}
  const unsubscribe = await subscribe({
    push: (item) => {
      waiting.push(item)
      // Many at once: one by one it would cost as much as all that wait, each time.
      if (waiting.length >= 2 * kept) waiting.splice(0, waiting.length - kept)
      wake()
    },
    end: () => {
      isOver = true
      wake()
    },
  })
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort)
  // A subscription does not keep a process alive; somebody who iterates means it to.
  const release = holdProcess()
  try {
    while (!signal?.aborted) {
      const next = waiting.shift()
      if (next !== undefined) yield next
      else if (isOver) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
          if (signal?.aborted) resolve()
        })
    }
  } finally {
    release()
    signal?.removeEventListener('abort', onAbort)
    unsubscribe()
  }
}

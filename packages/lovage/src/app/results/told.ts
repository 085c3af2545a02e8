import { holdProcess, type Unsubscribe } from '../../kernel/index.js'

/** The receiving side of a subscription. */
export interface Listener<T> {
  /** Delivers an item to the reader. */
  readonly push: (item: T) => void
  /** Ends the stream: no more items follow. */
  readonly end: () => void
}

/**
 * A subscription's items, as an async iterator. The subscription ends with the loop, or when `signal` is aborted.
 * @param kept Number of items buffered for a slow reader; at twice as many the older ones are dropped.
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
      // Many at once: removing them one by one would cost as much as the whole buffer each time.
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
  // A subscription does not keep a process alive; an iteration should.
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

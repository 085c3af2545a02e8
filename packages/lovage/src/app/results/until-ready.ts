import { type Clock, holdProcess, TimeoutError } from '../../kernel/index.js'
import { READY_STATES, type ResultBackend, type TaskResult } from '../../result/index.js'

/** How to wait for results. */
export interface WaitOptions {
  /** Seconds; default: no timeout. */
  readonly timeout?: number
  /** Ends the waiting, not the tasks. */
  readonly signal?: AbortSignal
}

/**
 * Resolves to the results by id when all of them are ready. One subscription serves them all; `on` is called once for each,
 * as it arrives, and ends the waiting by throwing.
 *
 * @throws {TimeoutError} LVG_RESULT_TIMEOUT; the tasks keep running.
 */
export async function untilReady(
  ids: readonly string[],
  host: { readonly clock: Clock; results(): Promise<ResultBackend> },
  { timeout, signal }: WaitOptions,
  on: (result: TaskResult) => void = () => {},
): Promise<ReadonlyMap<string, TaskResult>> {
  // A timer's stack would contain none of the caller's lines.
  const late = timeout === undefined ? undefined : timedOut(ids, timeout)
  const ready = new Map<string, TaskResult>()
  const missing = new Set(ids)
  signal?.throwIfAborted()
  if (missing.size === 0) return ready
  const backend = await host.results()
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const timer =
      timeout === undefined
        ? undefined
        : host.clock.setTimer(() => finish(() => reject(late?.(missing, backend.location))), timeout * 1000)
    // A pending subscription does not keep a process alive; an awaited one should.
    const release = holdProcess()
    const onAbort = (): void => finish(() => reject(signal?.reason))
    let stop: (() => void) | undefined
    let finished = false
    const finish = (end: () => void): void => {
      if (finished) return
      finished = true
      timer?.cancel()
      release()
      signal?.removeEventListener('abort', onAbort)
      stop?.()
      end()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    stop = backend.watch([...missing], (result) => {
      if (finished || !READY_STATES.has(result.state) || !missing.delete(result.id)) return
      ready.set(result.id, result)
      try {
        on(result)
      } catch (error) {
        finish(() => reject(error))
      }
      if (missing.size === 0) finish(() => resolve(ready))
    })
    // Everything was available, and reported before there was anything to stop.
    if (finished) stop()
  })
}

/** The timeout error, with the stack of the waiting caller. */
function timedOut(
  ids: readonly string[],
  timeout: number,
): (missing: ReadonlySet<string>, place: string) => TimeoutError {
  const waiting = new Error('waiting')
  return (missing, place) => {
    const [id] = missing
    const who =
      ids.length === 1 ? `Task ${id}` : `${missing.size} of ${ids.length} tasks (the first is ${id})`
    const error = new TimeoutError(`${who} gave no result within ${timeout} s.`, {
      code: 'LVG_RESULT_TIMEOUT',
      details: { id, missing: missing.size, timeout },
      hint: `The task goes on; ask again, or look whether a worker runs there. Results are expected in ${place}.`,
    })
    const [, ...lines] = waiting.stack?.split('\n') ?? []
    error.stack = [`${error.name}: ${error.message}`, ...lines].join('\n')
    return error
  }
}

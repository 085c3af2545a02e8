import { type Clock, ConfigurationError, systemClock, type Timer } from '../../kernel/index.js'
import { outsideContexts, type TaskContext } from './context.js'

/** One message of a batch. */
export interface BatchCall<Args extends readonly unknown[], Result = null> {
  readonly context: TaskContext
  readonly args: Args
  /** Ends only this call, with a value, regardless of the others. */
  succeed(value: Result): void
  /** Ends only this call, with an error or with the return value of `context.retry()`. */
  fail(error: unknown): void
}

/** When a batch is run. */
export interface BatchOptions {
  /** At this many messages; or at the worker's slots when they are fewer, so that it never waits for messages that cannot arrive. */
  readonly size: number
  /** This many seconds after its first message, however many there are. Default 1. */
  readonly seconds?: number
  /** For tests that control time by hand. */
  readonly clock?: Clock
}

/**
 * Makes a task's function from one that takes many messages at once: `app.task({ name, run: inBatches({ size: 100 }, (calls) => …) })`.
 * Every message is acknowledged, retried or failed on its own. A call that was not settled explicitly gets the entry at its
 * index in the list that the function returns, else null; when the function throws, all open calls fail with that error.
 *
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for a size below 1.
 * @example
 * import { inBatches } from 'lovage'
 * const save = app.task({
 *   name: 'events.save',
 *   run: inBatches({ size: 100, seconds: 2 }, async (calls: readonly { readonly args: readonly [string] }[]) => {
 *     console.log(calls.map(({ args: [event] }) => event))
 *     return undefined
 *   }),
 * })
 */
export function inBatches<Args extends readonly unknown[], Result = null>(
  { size, seconds = 1, clock = systemClock }: BatchOptions,
  work: (
    calls: readonly BatchCall<Args, Result>[],
  ) => Promise<readonly Result[] | undefined | undefined> | readonly Result[] | undefined | undefined,
): (context: TaskContext, ...args: Args) => Promise<Result | null> {
  if (!Number.isInteger(size) || size < 1)
    throw new ConfigurationError(`A batch cannot have ${size} messages.`, { code: 'LVG_CONFIG_INVALID' })
  let calls: OpenCall<Args, Result>[] = []
  let timer: Timer | undefined
  const flush = (): void => {
    timer?.cancel()
    timer = undefined
    const batch = calls
    calls = []
    if (batch.length > 0) void outsideContexts(() => runBatch(batch, work))
  }
  return (context, ...args) =>
    new Promise((resolve, reject) => {
      const call: OpenCall<Args, Result> = { context, args, succeed: resolve, fail: reject }
      calls.push(call)
      // A call that must stop leaves the batch it is waiting in.
      context.signal.addEventListener('abort', () => {
        calls = calls.filter((one) => one !== call)
        reject(context.signal.reason)
      })
      if (calls.length >= Math.min(size, context.slots)) flush()
      else timer ??= clock.setTimer(flush, seconds * 1000)
    })
}

type OpenCall<Args extends readonly unknown[], Result> = Omit<BatchCall<Args, Result>, 'succeed'> & {
  succeed(value: Result | null): void
}

async function runBatch<Args extends readonly unknown[], Result>(
  batch: readonly OpenCall<Args, Result>[],
  work: Parameters<typeof inBatches<Args, Result>>[1],
): Promise<void> {
  try {
    const results = await work(batch)
    // Calls that have already ended stay as they are: a promise settles only once.
    batch.forEach((call, place) => {
      call.succeed(results?.[place] ?? null)
    })
  } catch (error) {
    for (const call of batch) call.fail(error)
  }
}

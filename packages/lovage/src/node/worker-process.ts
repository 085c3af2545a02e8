import type { Lovage } from '../app/index.js'
import { delay, isLovageError, messageOf } from '../kernel/index.js'
import { startWorker, type Worker, type WorkerOptions } from '../worker/index.js'

/** Longest pause between tries to reach a broker at start-up. */
const LONGEST_PAUSE_MS = 30_000

/** What happens to the worker process on the way. */
export interface WorkerProcessEvents {
  readonly onReady?: (worker: Worker) => void
}

/**
 * Runs a worker until it is told to stop, and resolves when it has: TERM or the first INT lets running tasks finish
 * (warm); QUIT or a second signal gives them back at once (cold). Waits for a broker that is not there yet, as
 * `brokerConnectionRetryOnStartup` says.
 */
export async function runWorkerProcess(
  app: Lovage,
  options: WorkerOptions,
  events: WorkerProcessEvents = {},
): Promise<void> {
  const stopping = new AbortController()
  const signals = new SignalWatch((how) => stopping.abort(how))
  try {
    const worker = await startPatiently(app, options, stopping.signal)
    if (!worker) return
    events.onReady?.(worker)
    app.signals.emit('workerReady', { hostname: worker.hostname })
    await stopWhenTold(worker, app, signals)
  } finally {
    signals.close()
    await app.close()
  }
}

async function stopWhenTold(worker: Worker, app: Lovage, signals: SignalWatch): Promise<void> {
  const first = await signals.next()
  app.logger.warn(
    { signal: first.signal },
    first.how === 'warm'
      ? `Warm shutdown: waiting for ${worker.active.length} running tasks (again, or QUIT, to give them back)`
      : 'Cold shutdown: running tasks go back to their queues',
  )
  const stopped = worker.stop(first.how)
  if (first.how === 'warm') {
    void signals.next().then(({ signal }) => {
      app.logger.warn({ signal }, 'Cold shutdown: running tasks go back to their queues')
      return worker.stop('cold')
    })
  }
  await stopped
}

/** Undefined when it was told to stop before it began. */
async function startPatiently(
  app: Lovage,
  options: WorkerOptions,
  stopping: AbortSignal,
): Promise<Worker | undefined> {
  const { brokerConnectionRetryOnStartup: retries, brokerConnectionMaxRetries: most } = app.conf
  for (let tries = 1; ; tries++) {
    try {
      return await startWorker(app, options)
    } catch (error) {
      const isAway = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
      if (!isAway || !retries || (most > 0 && tries > most)) throw error
      const pauseMs = Math.min(LONGEST_PAUSE_MS, 2000 * tries)
      app.logger.error(
        { tries, pause_ms: pauseMs },
        `${messageOf(error)} Trying again in ${pauseMs / 1000} s (${tries}/${most > 0 ? most : '∞'}).`,
      )
      const told = await delay(app.clock, pauseMs, stopping).then(
        () => false,
        () => true,
      )
      if (told) return undefined
    }
  }
}

/** A signal, and what it asks for. */
interface Told {
  readonly signal: NodeJS.Signals
  readonly how: 'warm' | 'cold'
}

/** Turns process signals into a queue that can be awaited. */
class SignalWatch {
  readonly #waiting: ((told: Told) => void)[] = []
  readonly #told: Told[] = []
  readonly #listeners: readonly [NodeJS.Signals, () => void][]

  constructor(onFirst: (how: string) => void) {
    const listen = (signal: NodeJS.Signals, how: Told['how']): [NodeJS.Signals, () => void] => {
      const listener = (): void => {
        onFirst(how)
        const waiter = this.#waiting.shift()
        if (waiter) waiter({ signal, how })
        else this.#told.push({ signal, how })
      }
      process.on(signal, listener)
      return [signal, listener]
    }
    this.#listeners = [listen('SIGTERM', 'warm'), listen('SIGINT', 'warm'), listen('SIGQUIT', 'cold')]
  }

  next(): Promise<Told> {
    const told = this.#told.shift()
    return told ? Promise.resolve(told) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener)
  }
}

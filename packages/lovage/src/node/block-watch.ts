import inspector from 'node:inspector'
import type { Worker as Thread } from 'node:worker_threads'
import type { AppCore } from '../app/core/index.js'
import { currentContext } from '../app/tasks/index.js'
import { startThread } from '../process/index.js'
import { longestLimitMs, type Worker } from '../worker/index.js'
import { BLOCKING, type BlockingTask, type BlockThreadData, type MainReport } from './block-report.js'
import type { LogOptions } from './log-output.js'

/** How often the event loop signals that it turns. */
const PULSE_MS = 250
/** The first and last pause before a dead thread is restarted; the pause doubles each time. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 30_000
/** The thread makes little garbage; the default size would take ten megabytes more. */
const SMALL = { maxYoungGenerationSizeMb: 2 }

/** The options of the watch. */
export interface BlockWatchOptions {
  /** The destination of the process's log lines. */
  readonly log: LogOptions
  /** Whether a supervisor started this process, which then must not outlive it. */
  readonly isSupervised: boolean
}

/**
 * Watches the event loop from a thread, because an endless loop in a task leaves nothing else that could. It logs which task blocks the
 * loop, and where. It kills the process when that lasts longer than the task's hard limit, so that its messages return when their leases
 * expire, and when the supervisor is gone, which a blocked loop would not notice.
 *
 * Started with the first task: until then no task can block the worker, and it need not pay for the thread.
 */
export class BlockWatch {
  readonly #app: AppCore
  readonly #options: BlockWatchOptions
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(8))
  #worker: Worker | undefined
  #thread: Thread | undefined
  #timer: NodeJS.Timeout | undefined
  #restart: NodeJS.Timeout | undefined

  constructor(app: AppCore, options: BlockWatchOptions) {
    this.#app = app
    this.#options = options
  }

  /** The worker whose tasks run here. */
  follow(worker: Worker): void {
    this.#worker = worker
  }

  start(): void {
    // A developer at a breakpoint blocks the loop on purpose.
    if (this.#thread || inspector.url() !== undefined) return
    const turn = (): void => void Atomics.store(this.#pulse, 0, BigInt(Date.now()))
    turn()
    this.#timer = setInterval(turn, PULSE_MS).unref()
    this.#startThread()
    Object.assign(globalThis, { [BLOCKING]: () => JSON.stringify(this.#report()) })
  }

  /** Restarts a dead thread, doubling the pause each time. */
  #startThread(pauseMs = FIRST_PAUSE_MS): void {
    const { log, isSupervised } = this.#options
    const workerData: BlockThreadData = {
      // The array was created over a SharedArrayBuffer.
      pulse: this.#pulse.buffer as SharedArrayBuffer,
      log,
      longestMs: longestLimitMs(this.#app.tasks),
      shortestMs: Math.min(
        ...[...this.#app.tasks].map(({ options }) => (options.timeLimit || Infinity) * 1000),
      ),
      supervisor: isSupervised ? process.ppid : undefined,
    }
    const thread = startThread(new URL('./block-thread.js', import.meta.url), {
      workerData,
      resourceLimits: SMALL,
    })
    let cause: unknown
    thread.once('error', (error) => {
      cause = error
    })
    thread.once('exit', () => {
      if (this.#thread !== thread) return
      this.#app.logger.error(
        { err: cause, pause_ms: pauseMs },
        'the thread that watches for blocked event loops has died and is restarted',
      )
      this.#restart = setTimeout(
        () => this.#startThread(Math.min(2 * pauseMs, LONGEST_PAUSE_MS)),
        pauseMs,
      ).unref()
    })
    thread.unref()
    this.#thread = thread
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#restart)
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }

  /** Called for the thread, while the loop is blocked. */
  #report(): MainReport {
    const lines = new Error().stack?.split('\n') ?? []
    // The evaluated code's frames are above those it interrupted.
    const own = lines.findLastIndex((line) => /^\s+at eval \(eval at /.test(line))
    return { task: this.#running(), stack: lines.slice(own + 1).map((line) => line.trim()) }
  }

  /** The task whose code is running. */
  #running(): BlockingTask | null {
    const context = currentContext()
    if (!context) return null
    const { id, name } = context
    const task = this.#app.tasks.get(name)
    const hard = task && this.#worker?.timeLimits.of({ task, context }).hard
    return { id, name, hardMs: hard === undefined ? undefined : hard * 1000 }
  }
}

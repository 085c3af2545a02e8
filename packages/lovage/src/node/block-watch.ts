import inspector from 'node:inspector'
import type { Worker as Thread } from 'node:worker_threads'
import type { AppCore } from '../app/core/index.js'
import { currentContext } from '../app/tasks/index.js'
import { startThread } from '../process/index.js'
import { longestLimitMs, type Worker } from '../worker/index.js'
import { BLOCKING, type BlockingTask, type BlockThreadData, type MainReport } from './block-report.js'
import type { LogOptions } from './log-output.js'

/** How often the event loop says that it turns. */
const PULSE_MS = 250
/** A thread that died is started again after this long, each time twice as late, at most the last. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 30_000
/** The thread makes little garbage; one of the usual size would take ten megabytes more for it. */
const SMALL = { maxYoungGenerationSizeMb: 2 }

/** What is watched for. */
export interface BlockWatchOptions {
  /** Where the process's log lines go. */
  readonly log: LogOptions
  /** Whether a supervisor has started this process: then it must not outlive it. */
  readonly isSupervised: boolean
}

/**
 * Watches the event loop from a thread, because a task that loops for ever leaves nothing else that could. It tells which task blocks
 * the loop, and where; it ends the process when that lasts longer than the task's hard limit, so that what it held goes back by
 * its lease; and when the supervisor is gone, of which a blocked loop does not hear.
 *
 * Started with the first task: a worker that has run none can be blocked by none, and need not pay for the thread.
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
    // Whoever stands at a breakpoint blocks the loop, and means to.
    if (this.#thread || inspector.url() !== undefined) return
    const turn = (): void => void Atomics.store(this.#pulse, 0, BigInt(Date.now()))
    turn()
    this.#timer = setInterval(turn, PULSE_MS).unref()
    this.#startThread()
    Object.assign(globalThis, { [BLOCKING]: () => JSON.stringify(this.#report()) })
  }

  /** A thread that dies is started again, each time twice as late. */
  #startThread(pauseMs = FIRST_PAUSE_MS): void {
    const { log, isSupervised } = this.#options
    const workerData: BlockThreadData = {
      // A BigInt64Array that was made over one has one.
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
        'the thread that watches whether tasks block the event loop has died: it is started again',
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

  /** Called for the thread, in the middle of whatever blocks the loop. */
  #report(): MainReport {
    const lines = new Error().stack?.split('\n') ?? []
    // What was evaluated stands above what it was evaluated in.
    const own = lines.findLastIndex((line) => /^\s+at eval \(eval at /.test(line))
    return { task: this.#running(), stack: lines.slice(own + 1).map((line) => line.trim()) }
  }

  /** The task that this is part of. */
  #running(): BlockingTask | null {
    const context = currentContext()
    if (!context) return null
    const { id, name } = context
    const task = this.#app.tasks.get(name)
    const hard = task && this.#worker?.timeLimits.of({ task, context }).hard
    return { id, name, hardMs: hard === undefined ? undefined : hard * 1000 }
  }
}

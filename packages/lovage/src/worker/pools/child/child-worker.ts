import type { AppCore } from '../../../app/core/index.js'
import { failure, run } from '../../../app/running/index.js'
import { acceptOf } from '../../../app/sending/index.js'
import type { Outcome, RunEnvironment, TaskContext } from '../../../app/tasks/index.js'
import type { EventFields } from '../../../events/index.js'
import { messageOf } from '../../../kernel/index.js'
import { encodeJson } from '../../../message/index.js'
import { callHandlers } from '../../call-handlers.js'
import { addToChord } from '../../join-settler.js'
import { stepMarks } from '../../step-marks.js'
import { type RunJob, withMiddleware } from '../../with-middleware.js'
import type { Job } from '../job.js'
import { type ChildBoard, fileBoard, memoryBoard } from '../wire/board.js'
import { errorFromWire } from '../wire/error-wire.js'
import type { ChildSetup, ToChild } from '../wire/frames.js'
import { jobFromWire, type WireJob } from '../wire/job-wire.js'
import { outcomeToWire } from '../wire/outcome-wire.js'
import type { ParentPort } from './port.js'

/** The file descriptor of a process's board: the one after the line to the parent. */
const BOARD_FD = 4

/** Runs one task after another for its parent. */
export class ChildWorker {
  readonly #board: ChildBoard
  readonly #app: AppCore
  readonly #port: ParentPort
  readonly #setup: ChildSetup
  readonly #environment: RunEnvironment
  readonly #run: RunJob
  readonly #decode
  readonly #asked = new Map<number, (error: Error | undefined) => void>()
  #requests = 0
  #current: { readonly key: number; readonly job: Job; readonly end: (outcome: Outcome) => void } | undefined
  readonly #queue: WireJob[] = []
  #isWorking = false
  #isStopping = false
  #isCrashed = false

  constructor(app: AppCore, port: ParentPort, setup: ChildSetup) {
    this.#board = setup.memory ? memoryBoard(setup.memory) : fileBoard(BOARD_FD)
    this.#app = app
    this.#port = port
    this.#setup = setup
    const { conf, logger } = app
    this.#decode = {
      accept: acceptOf(conf),
      maxBytes: conf.messageMaxBytes,
      maxInflatedBytes: conf.messageMaxDecompressedBytes,
      integers: conf.integers,
    }
    this.#environment = {
      logger,
      hostname: setup.hostname,
      isEager: false,
      errors: app.errors,
      updateState: (context, state, meta) => this.#updateState(context, state, meta),
      sendEvent: (context, type, fields) => this.#sendEvent(context, type, fields),
      addToChord: (context, canvas, place) => addToChord(app, context, canvas, place),
      ...(app.hasResults ? { results: () => app.results() } : {}),
      steps: stepMarks(app),
    }
    const dice = () => ({ nowMs: app.clock.now(), random: Math.random })
    this.#run = withMiddleware(app.middleware, ({ task, context }) => run(task, context, dice))
  }

  /** Obeys the parent. */
  handle(frame: ToChild): void {
    switch (frame.kind) {
      case 'run':
        this.#queue.push(...frame.jobs)
        if (!this.#isWorking) void this.#work()
        break
      case 'abort':
        if (this.#current?.key === frame.key) this.#current.job.context.abort(errorFromWire(frame.reason))
        break
      case 'answer':
        this.#asked.get(frame.request)?.(frame.error ? errorFromWire(frame.error) : undefined)
        this.#asked.delete(frame.request)
        break
      case 'stop':
        void this.stop(0)
        break
      case 'setup':
        break
    }
  }

  /**
   * An error was thrown where nothing could catch it. One task runs here at a time, so it is that task's; its side effects
   * are unknown, so this child ends.
   */
  crash(error: unknown): void {
    this.#app.logger.error({ err: error }, 'uncaught exception; the child exits')
    const current = this.#current
    this.#isCrashed = true
    current?.end(failure(current.job.task, error))
    void this.stop(1)
  }

  /** Ends this child, after closing its app's connections. */
  async stop(exitCode: number): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    try {
      const { hostname } = this.#setup
      await this.#app.signals.tell('workerProcessShutdown', { hostname, pid: process.pid, exitCode })
      await this.#app.close()
    } finally {
      this.#port.exit(exitCode)
    }
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    for (let wire = this.#queue.shift(); wire && !this.#isCrashed; wire = this.#queue.shift()) {
      if (this.#board.begin(wire.key)) await this.#start(wire)
      else this.#port.send({ kind: 'left', key: wire.key })
    }
    this.#isWorking = false
  }

  async #start(wire: WireJob): Promise<void> {
    let job: Job
    try {
      job = jobFromWire(wire, this.#app.tasks, this.#decode, this.#environment)
    } catch (error) {
      this.#app.logger.error({ err: error }, `a child could not read its job: ${messageOf(error)}`)
      return this.#tell(wire.key, failure({ options: {} }, error), [])
    }
    let isOver = false
    const end = (outcome: Outcome): void => {
      if (isOver) return
      isOver = true
      this.#current = undefined
      this.#tell(wire.key, outcome, job.context.children)
    }
    this.#current = { key: wire.key, job, end }
    const outcome = await this.#run(job)
    // Before the parent is told: it may end this child then.
    await callHandlers(job, outcome, this.#app.logger)
    end(outcome)
  }

  #tell(key: number, outcome: Outcome, children: TaskContext['children']): void {
    const memoryKib = this.#setup.tellsMemory ? this.#memoryKib() : 0
    const end = { key, outcome: outcomeToWire(outcome), children }
    this.#port.send({ kind: 'ended', end, memoryKib, isLast: this.#isCrashed })
  }

  #memoryKib(): number {
    return Math.round(process.memoryUsage.rss() / 1024)
  }

  #sendEvent(context: TaskContext, type: string, fields: EventFields): void {
    const json = encodeJson(fields, `fields of ${type}`)
    const current = this.#current
    if (current?.job.context === context)
      this.#port.send({ kind: 'event', key: current.key, type, fields: json })
  }

  #updateState(context: TaskContext, state: string, meta: unknown): Promise<void> {
    const current = this.#current
    // Only the current run may show a state; a run that was given up has none.
    if (current?.job.context !== context) return Promise.resolve()
    const request = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#asked.set(request, (error) => (error ? reject(error) : resolve()))
      const json = encodeJson(meta, `meta of ${context.name}`)
      this.#port.send({ kind: 'state', request, key: current.key, state, meta: json })
    })
  }
}

import { performance } from 'node:perf_hooks'
import { failure } from '../../../app/running/index.js'
import {
  type Outcome,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../../app/tasks/index.js'
import type { EventFields } from '../../../events/index.js'
import { type Clock, type Logger, messageOf } from '../../../kernel/index.js'
import { decodeJson } from '../../../message/index.js'
import type { PoolListener } from '../pool.js'
import { errorFromWire, errorToWire } from '../wire/error-wire.js'
import { fieldsFromWire } from '../wire/fields-wire.js'
import type { ChildSetup, FromChild, WireEnd } from '../wire/frames.js'
import { jobToWire, type WireJob } from '../wire/job-wire.js'
import { outcomeFromWire } from '../wire/outcome-wire.js'
import type { Order, Run } from './run-queue.js'
import type { StartChild, Transport } from './transport.js'

/** How long a task that was asked to stop has before its child is killed. */
const GRACE_MS = 500

/** A child's interface to its pool. */
export interface ChildPorts {
  readonly setup: ChildSetup
  readonly startChild: StartChild
  readonly clock: Clock
  readonly logger: Logger
  readonly listener: () => PoolListener
  /** After this many runs, or with more than this many KiB, a child is retired. */
  readonly maxTasks: number | undefined
  readonly maxMemoryKib: number | undefined
  /** It is idle. */
  readonly onIdle: (child: Child) => void
  /** A run has ended, after this many milliseconds. */
  readonly onEnded: (runtimeMs: number) => void
  /** Orders that it was given and will not start. */
  readonly onReturned: (orders: readonly Order[]) => void
  /** It takes no more orders, and is ending by itself. */
  readonly onRetired: (child: Child) => void
  readonly onGone: (child: Child) => void
}

/**
 * One child, as its parent sees it: starting → idle ⇄ busy → retired → gone, and from every state to gone. One task runs in it at a
 * time, so that a task's limits, crashes and leaks are its own; the orders behind it are taken back when it takes long.
 */
export class Child {
  readonly #ports: ChildPorts
  readonly #transport: Transport
  #state: 'starting' | 'idle' | 'busy' | 'retired' | 'gone' = 'starting'
  /** The first one is running, as far as the parent knows. */
  #runs: Run[] = []
  #begunAt = 0
  #present = 0
  #ended = 0
  #keys = 0
  /** The last of the orders taken back that the child has not yet reported on: until then no more can be taken back. */
  #takenTo = 0
  #outbox: WireJob[] = []
  /** Why it ended before it could run a task. */
  unfit: Error | undefined
  /** Whether it was ended by something else then, so that the next one may well start. */
  wasKilled = false
  /** Whether a task was lost with it. */
  lostTask = false

  constructor(ports: ChildPorts) {
    this.#ports = ports
    this.#transport = ports.startChild({
      onFrame: (frame) => this.#hear(frame),
      onGone: (how, signal) => this.#end(how, signal),
    })
    this.#transport.send({ kind: 'setup', setup: { ...ports.setup, memory: this.#transport.memory } })
  }

  get pid(): number {
    return this.#transport.pid
  }
  get index(): number {
    return this.#ports.setup.index
  }
  get state() {
    return this.#state
  }
  /** Number of orders that it holds, including the running one. */
  get size(): number {
    return this.#runs.length
  }
  /** How long the running order has blocked orders that can be taken back, in milliseconds; 0 = there are none. */
  get waitedMs(): number {
    return this.#runs.length > 1 && this.#takenTo === 0 ? performance.now() - this.#begunAt : 0
  }

  holds(taskId: string): boolean {
    return this.#runs.some(({ job }) => job.context.id === taskId)
  }

  /** How many more orders it can take when about `depth` may be behind one that has run for at most `youngMs`. */
  room(depth: number, youngMs: number): number {
    const { maxTasks } = this.#ports
    const left =
      maxTasks === undefined ? Number.POSITIVE_INFINITY : maxTasks - this.#ended - this.#runs.length
    if (this.#state === 'idle') return Math.min(1 + depth, left)
    const isYoung = this.#takenTo === 0 && performance.now() - this.#begunAt < youngMs
    return this.#state === 'busy' && isYoung ? Math.min(1 + depth - this.#runs.length, left) : 0
  }

  /** Takes an order, to be run when those before it have ended. */
  take(order: Order): void {
    const run: Run = { ...order, key: ++this.#keys, timers: [] }
    this.#runs.push(run)
    if (this.#outbox.push(jobToWire(run.key, run.job)) === 1) queueMicrotask(() => this.#post())
    if (this.#runs.length === 1) {
      this.#state = 'busy'
      this.#begin(run)
    }
  }

  /** Takes back the orders that have not started. */
  takeBack(): void {
    const [, first] = this.#runs
    const last = this.#runs.at(-1)
    if (!first || !last || this.#takenTo > 0) return
    const begun = this.#transport.board.takeBack(first.key, last.key)
    this.#takenTo = last.key
    const returned = this.#runs.filter(({ key }) => key >= first.key && key > begun)
    this.#runs = this.#runs.filter((run) => !returned.includes(run))
    this.#giveBack(returned)
  }

  /** Stops a task that it holds. */
  terminate(taskId: string, reason: Error, signal: NodeJS.Signals): void {
    const run = this.#runs.find(({ job }) => job.context.id === taskId)
    if (!run) return
    run.verdict = reason
    if (run.key !== this.#present) return this.takeBack()
    if (signal === 'SIGKILL') this.#kill(run, reason)
    else this.#stop(run, reason)
  }

  /** Takes no more orders; ends when the current one has. */
  retire(): void {
    if (this.#state === 'retired' || this.#state === 'gone') return
    this.#state = 'retired'
    this.takeBack()
    if (this.#runs.length === 0) this.#transport.send({ kind: 'stop' })
    this.#ports.onRetired(this)
  }

  /** Kills it, whatever it is doing. */
  kill(): void {
    this.#transport.kill('SIGKILL')
  }

  #post(): void {
    const jobs = this.#outbox
    this.#outbox = []
    this.#transport.send({ kind: 'run', jobs })
  }

  #begin(run: Run): void {
    this.#present = run.key
    this.#begunAt = performance.now()
    const { clock } = this.#ports
    const { hard, soft } = run.limits
    if (soft !== undefined)
      run.timers.push(clock.setTimer(() => this.#abort(run, new SoftTimeLimitExceeded(soft)), soft * 1000))
    if (hard !== undefined)
      run.timers.push(clock.setTimer(() => this.#kill(run, new TimeLimitExceeded(hard)), hard * 1000))
    run.onBegun(this.pid)
    // It was asked to stop while it waited here, and could no longer be taken back.
    if (run.verdict) this.#stop(run, run.verdict)
  }

  #stop(run: Run, reason: Error): void {
    this.#abort(run, reason)
    run.timers.push(this.#ports.clock.setTimer(() => this.#kill(run, reason), GRACE_MS))
  }

  #abort(run: Run, reason: Error): void {
    this.#transport.send({ kind: 'abort', key: run.key, reason: errorToWire(reason) })
  }

  #kill(run: Run, reason: Error): void {
    run.verdict = reason
    // The orders behind it have no part in its end.
    this.takeBack()
    this.#transport.kill('SIGKILL')
  }

  #hear(frame: FromChild): void {
    const { listener, logger } = this.#ports
    switch (frame.kind) {
      case 'ready':
        if (this.#state === 'starting') this.#state = 'idle'
        if (this.#state === 'idle') this.#ports.onIdle(this)
        break
      case 'unfit':
        this.unfit = errorFromWire(frame.error)
        break
      case 'log':
        logger[frame.level](fieldsFromWire(frame.fields), frame.message)
        break
      case 'state': {
        const { request, key, state, meta } = frame
        const answer = (error: unknown): void =>
          this.#transport.send({
            kind: 'answer',
            request,
            error: error === undefined ? null : errorToWire(error),
          })
        const run = this.#runs.find((one) => one.key === key)
        if (!run) return answer(undefined)
        listener()
          .updateState(run.job.context, state, decodeJson(meta, { integers: 'bigint' }))
          .then(() => answer(undefined), answer)
        break
      }
      case 'event': {
        const run = this.#runs.find((one) => one.key === frame.key)
        // The JSON written there is an object of fields.
        const fields = decodeJson(frame.fields, { integers: 'bigint' }) as EventFields
        if (run) listener().sendEvent(run.job.context, frame.type, fields)
        break
      }
      case 'left': {
        // Taken back at the last moment: it had announced it, and then seen that it must not run it.
        const run = this.#remove(frame.key)
        if (frame.key >= this.#takenTo) this.#takenTo = 0
        if (run) this.#giveBack([run])
        this.#goOn()
        break
      }
      case 'ended':
        this.#hearEnd(frame.end, frame.isLast || this.#isSpent(frame.memoryKib))
        break
    }
  }

  #hearEnd({ key, outcome, children }: WireEnd, isDone: boolean): void {
    const wasFirst = this.#runs[0]?.key === key
    const run = this.#remove(key)
    if (key >= this.#takenTo) this.#takenTo = 0
    if (!run) return
    this.#ended++
    if (wasFirst) this.#ports.onEnded(performance.now() - this.#begunAt)
    run.job.context.children.push(...children)
    this.#settle(run, run.verdict ? failure(run.job.task, run.verdict) : outcomeFromWire(outcome))
    const { maxTasks } = this.#ports
    if (isDone || (maxTasks !== undefined && this.#ended >= maxTasks)) this.retire()
    this.#goOn()
  }

  /** The next one is the child's current one. */
  #goOn(): void {
    const [next] = this.#runs
    if (next) {
      if (next.key !== this.#present) this.#begin(next)
    } else if (this.#state === 'retired') this.#transport.send({ kind: 'stop' })
    else if (this.#state === 'busy') {
      this.#state = 'idle'
      this.#ports.onIdle(this)
    }
  }

  #isSpent(memoryKib: number): boolean {
    const { maxMemoryKib, logger } = this.#ports
    if (maxMemoryKib === undefined || memoryKib <= maxMemoryKib) return false
    logger.info(
      { child: this.index, pid: this.pid, memory_kib: memoryKib },
      `child ${this.index} holds ${memoryKib} KiB, more than ${maxMemoryKib}: it is replaced`,
    )
    return true
  }

  #remove(key: number): Run | undefined {
    const run = this.#runs.find((one) => one.key === key)
    if (run) this.#runs = this.#runs.filter((one) => one !== run)
    return run
  }

  #end(how: string, signal: NodeJS.Signals | null): void {
    const begun = this.#transport.board.begun()
    this.#transport.board.close()
    if (this.#state === 'starting' && !this.unfit) {
      this.unfit = new Error(`it ended before it could run a task: ${how}`)
      this.wasKilled = signal !== null
    }
    this.#state = 'gone'
    const runs = this.#runs
    this.#runs = []
    const lost = runs.filter(({ key, verdict }) => key <= begun && !verdict)
    this.lostTask = lost.length > 0
    for (const run of lost)
      this.#settle(run, { kind: 'lost', error: new WorkerLostError(`The child that ran it ended: ${how}`) })
    this.#ports.onGone(this)
    this.#giveBack(runs.filter((run) => !lost.includes(run)))
  }

  /** Orders that were not run go back, except those asked to stop: they have stopped. */
  #giveBack(runs: readonly Run[]): void {
    const returned: Order[] = []
    for (const run of runs) {
      if (run.verdict) this.#settle(run, failure(run.job.task, run.verdict))
      else {
        for (const timer of run.timers) timer.cancel()
        returned.push(run)
      }
    }
    if (returned.length > 0) this.#ports.onReturned(returned)
  }

  #settle(run: Run, outcome: Outcome): void {
    for (const timer of run.timers) timer.cancel()
    try {
      run.resolve(outcome)
    } catch (error) {
      this.#ports.logger.error({ err: error }, `could not process an outcome: ${messageOf(error)}`)
    }
  }
}

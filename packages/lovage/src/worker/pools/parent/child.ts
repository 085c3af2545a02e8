import {
  failure,
  type Outcome,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../../app/index.js'
import { type Clock, type Logger, messageOf, type Timer } from '../../../kernel/index.js'
import { decodeJson } from '../../../message/index.js'
import type { RunLimits } from '../../time-limits.js'
import type { Job } from '../job.js'
import type { PoolEars } from '../pool.js'
import { errorFromWire, errorToWire } from '../wire/error-wire.js'
import { fieldsFromWire } from '../wire/fields-wire.js'
import type { ChildSetup, FromChild } from '../wire/frames.js'
import { jobToWire } from '../wire/job-wire.js'
import { outcomeFromWire } from '../wire/outcome-wire.js'
import type { StartChild, Transport } from './transport.js'

/** How long a task that is to stop has for it before its child is killed. */
const GRACE_MS = 500

/** A run in a child. */
interface Run {
  readonly key: number
  readonly job: Job
  readonly resolve: (outcome: Outcome) => void
  readonly timers: Timer[]
  /** Why this run was ended from outside; its outcome, whatever the child still says. */
  verdict?: Error
}

/** What a child needs of its pool. */
export interface ChildPorts {
  readonly setup: ChildSetup
  readonly startChild: StartChild
  readonly clock: Clock
  readonly logger: Logger
  readonly ears: () => PoolEars
  /** After this many runs, or when it holds more than so many KiB, a child is done. */
  readonly maxTasks: number | undefined
  readonly maxMemoryKib: number | undefined
  /** It can take a job. */
  readonly onIdle: (child: Child) => void
  /** It takes no more jobs, and is ending by itself. */
  readonly onRetired: (child: Child) => void
  readonly onGone: (child: Child) => void
}

/**
 * One child as its parent knows it: starting → idle ⇄ busy → retired → gone, and from everywhere to gone. One task runs in it at a
 * time, so that a task's limits, crashes and leaks are its own.
 */
export class Child {
  readonly #ports: ChildPorts
  readonly #transport: Transport
  #state: 'starting' | 'idle' | 'busy' | 'retired' | 'gone' = 'starting'
  #run: Run | undefined
  #runs = 0
  #keys = 0
  /** Set when it could not load the app. */
  unfit: Error | undefined
  /** Whether a task was lost with it. */
  lostTask = false

  constructor(ports: ChildPorts) {
    this.#ports = ports
    this.#transport = ports.startChild({
      onFrame: (frame) => this.#hear(frame),
      onGone: (how) => this.#end(how),
    })
    this.#transport.send({ kind: 'setup', setup: ports.setup })
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
  get taskId(): string | undefined {
    return this.#run?.job.context.id
  }

  /** Runs a job; only for an idle child. */
  run(job: Job, limits: RunLimits, resolve: (outcome: Outcome) => void): void {
    const run: Run = { key: ++this.#keys, job, resolve, timers: [] }
    this.#run = run
    this.#state = 'busy'
    this.#transport.send({ kind: 'run', job: jobToWire(run.key, job) })
    const { clock } = this.#ports
    const { hard, soft } = limits
    if (soft !== undefined)
      run.timers.push(clock.setTimer(() => this.#abort(run, new SoftTimeLimitExceeded(soft)), soft * 1000))
    if (hard !== undefined)
      run.timers.push(clock.setTimer(() => this.#kill(run, new TimeLimitExceeded(hard)), hard * 1000))
  }

  /** Stops the task that runs here. */
  terminate(reason: Error, signal: NodeJS.Signals): void {
    const run = this.#run
    if (!run) return
    if (signal === 'SIGKILL') return this.#kill(run, reason)
    run.verdict = reason
    this.#abort(run, reason)
    run.timers.push(this.#ports.clock.setTimer(() => this.#kill(run, reason), GRACE_MS))
  }

  /** Takes no more jobs; ends when the present one has. */
  retire(): void {
    if (this.#state === 'retired' || this.#state === 'gone') return
    const wasBusy = this.#state === 'busy'
    this.#state = 'retired'
    if (!wasBusy) this.#transport.send({ kind: 'stop' })
    this.#ports.onRetired(this)
  }

  /** Ends it whatever it does. */
  kill(): void {
    this.#transport.kill('SIGKILL')
  }

  #abort(run: Run, reason: Error): void {
    this.#transport.send({ kind: 'abort', key: run.key, reason: errorToWire(reason) })
  }

  #kill(run: Run, reason: Error): void {
    run.verdict = reason
    this.#transport.kill('SIGKILL')
  }

  #hear(frame: FromChild): void {
    const { ears, logger } = this.#ports
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
        const { request, key, state } = frame
        const answer = (error: unknown): void =>
          this.#transport.send({
            kind: 'answer',
            request,
            error: error === undefined ? null : errorToWire(error),
          })
        if (this.#run?.key !== key) return answer(undefined)
        ears()
          .updateState(this.#run.job.context, state, decodeJson(frame.meta, { integers: 'bigint' }))
          .then(() => answer(undefined), answer)
        break
      }
      case 'ended': {
        const { key, outcome, children } = frame.end
        const run = this.#run
        if (run?.key !== key) return
        run.job.context.children.push(...children)
        this.#runs++
        const isDone = frame.isLast || this.#isSpent(frame.memoryKib)
        this.#settle(run, run.verdict ? failure(run.job.task, run.verdict) : outcomeFromWire(outcome))
        if (this.#state === 'retired') this.#transport.send({ kind: 'stop' })
        else if (isDone) {
          this.#state = 'idle'
          this.retire()
        } else if (this.#state === 'busy') {
          this.#state = 'idle'
          this.#ports.onIdle(this)
        }
        break
      }
    }
  }

  #isSpent(memoryKib: number): boolean {
    const { maxTasks, maxMemoryKib, logger } = this.#ports
    if (maxTasks !== undefined && this.#runs >= maxTasks) return true
    if (maxMemoryKib === undefined || memoryKib <= maxMemoryKib) return false
    logger.info(
      { child: this.index, pid: this.pid, memory_kib: memoryKib },
      `child ${this.index} holds ${memoryKib} KiB, more than ${maxMemoryKib}: it is replaced`,
    )
    return true
  }

  #end(how: string): void {
    const run = this.#run
    this.#state = 'gone'
    if (run?.verdict) {
      this.#settle(run, failure(run.job.task, run.verdict))
    } else if (run) {
      this.lostTask = true
      const error = new WorkerLostError(`The child that ran it ended: ${how}`)
      this.#settle(run, { kind: 'lost', error })
    }
    this.#ports.onGone(this)
  }

  #settle(run: Run, outcome: Outcome): void {
    this.#run = undefined
    for (const timer of run.timers) timer.cancel()
    try {
      run.resolve(outcome)
    } catch (error) {
      this.#ports.logger.error({ err: error }, `could not take an outcome in: ${messageOf(error)}`)
    }
  }
}

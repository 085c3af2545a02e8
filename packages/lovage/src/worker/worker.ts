import { hostname as machineName } from 'node:os'
import { performance } from 'node:perf_hooks'
import {
  compose,
  failure,
  inContext,
  type Lovage,
  type Middleware,
  type Next,
  type Outcome,
  type RunContext,
  type RunEnvironment,
  type TaskContext,
} from '../app/index.js'
import type { Broker, Consumer, Delivery } from '../broker/index.js'
import { crashPoint, delay, type Logger, newId } from '../kernel/index.js'
import { acceptList, encodeJson } from '../message/index.js'
import type { ResultBackend } from '../result/index.js'
import { addBuiltinTasks } from './builtin-tasks.js'
import { type Intake, takeIn } from './intake.js'
import { AsyncPool } from './pools/async-pool.js'
import type { Job, WorkerPool } from './pools/pool.js'
import { Refusals } from './refusals.js'
import { extendedOf, type PlanSettings, planSettlement } from './settle-plan.js'
import { Settler } from './settler.js'
import { StartedTracker } from './started-tracker.js'
import { stateOf, TaskLog } from './task-log.js'
import { unstartedConsumer } from './unstarted-consumer.js'

/** How a worker runs; what is absent comes from the app's settings. */
export interface WorkerOptions {
  /** Queues in strict order. Default: those of the settings. */
  readonly queues?: readonly string[]
  /** Tasks at once. Default `workerConcurrency`, else 100. */
  readonly concurrency?: number
  /** Messages held per slot, the running one included. Default `workerPrefetchMultiplier`. */
  readonly prefetchMultiplier?: number
  /** `name@host`. Default `celery@<this host>`. */
  readonly hostname?: string
  /** Default: an asynchronous pool. */
  readonly pool?: WorkerPool
}

/** A claim that is not settled yet. */
interface Held {
  readonly delivery: Delivery
  readonly job: Job
  readonly ackedEarly: boolean
  readonly startedAt: number
}

/** How a worker ends: `warm` lets running tasks finish, `cold` gives them back. */
export type StopKind = 'warm' | 'cold'

/** Connects, declares the queues and begins to consume. */
export async function startWorker(app: Lovage, options: WorkerOptions = {}): Promise<Worker> {
  addBuiltinTasks(app)
  const broker = await app.broker()
  const results = app.hasResults ? await app.results() : undefined
  const worker = new Worker(app, broker, results, options)
  await worker.pool.start()
  await broker.declare(worker.queues.map((name) => app.router.queue(name)))
  await worker.consume()
  return worker
}

/** Runs tasks until it is stopped. A message is in one of three places: the broker, this worker's hands, or settled. */
export class Worker {
  readonly hostname: string
  readonly queues: readonly string[]
  readonly pool: WorkerPool
  readonly #app: Lovage
  readonly #broker: Broker
  readonly #logger: Logger
  readonly #log: TaskLog
  readonly #results: ResultBackend | undefined
  readonly #settler: Settler
  readonly #started: StartedTracker | undefined
  readonly #refusals: Refusals
  readonly #environment: RunEnvironment
  readonly #accept: ReadonlySet<string>
  readonly #prefetchMultiplier: number
  readonly #plan: PlanSettings
  readonly #held = new Map<string, Held>()
  readonly #wrapped: Next<RunContext, Outcome> | undefined
  readonly #jobs = new WeakMap<TaskContext, Job>()
  #consumer: Consumer = unstartedConsumer
  #processed = 0
  #stopping: StopKind | undefined
  #stopped: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(app: Lovage, broker: Broker, results: ResultBackend | undefined, options: WorkerOptions) {
    const { conf, clock, logger } = app
    this.#app = app
    this.#broker = broker
    this.#results = results
    this.hostname = options.hostname ?? `celery@${machineName()}`
    this.queues = options.queues ?? app.router.declared.map((queue) => queue.name)
    this.pool = options.pool ?? new AsyncPool(options.concurrency ?? conf.workerConcurrency ?? 100, clock)
    this.#prefetchMultiplier = Math.max(1, options.prefetchMultiplier ?? conf.workerPrefetchMultiplier)
    this.#logger = logger
    this.#log = new TaskLog(logger)
    this.#accept = acceptList(conf.acceptContent)
    const { hostname } = this
    this.#plan = {
      hostname,
      storesResults: results !== undefined,
      resultExtended: conf.resultExtended,
      delayAtPublish: broker.capabilities.delayAtPublish,
    }
    this.#refusals = new Refusals({
      hostname,
      storesResults: results !== undefined,
      now: () => clock.now(),
      handsBack: conf.onUnknownTask === 'handBack',
    })
    this.#environment = {
      logger,
      hostname,
      isEager: false,
      updateState: (context, state, meta) => this.#updateState(context, state, meta),
    }
    this.#settler = new Settler({
      broker,
      consumer: () => this.#consumer,
      results,
      clock,
      logger,
      onRefused: (tags) => this.#lost(tags),
    })
    if (results && conf.taskTrackStarted)
      this.#started = new StartedTracker({ results, clock, logger, hostname, extended: conf.resultExtended })
    const wrappers = app.middleware.flatMap((one: Middleware) => (one.run ? [one.run.bind(one)] : []))
    if (wrappers.length > 0) this.#wrapped = compose(wrappers, async ({ context }) => this.#runJob(context))
  }

  /** Tasks that have ended here, whatever their end. */
  get processed(): number {
    return this.#processed
  }
  /** Tasks that run here now. */
  get active(): readonly TaskContext[] {
    return [...this.#held.values()].map(({ job }) => job.context)
  }

  /** Begins to claim messages; `startWorker` calls it. */
  async consume(): Promise<void> {
    const { conf, clock, logger } = this.#app
    this.#consumer = await this.#broker.consume({
      queues: this.queues,
      holder: `${this.hostname}.${newId()}`,
      leaseMs: conf.brokerLease * 1000,
      visibilityTimeoutMs: visibilityTimeoutMs(conf.brokerTransportOptions),
      free: () => (this.#stopping ? 0 : this.pool.slots * this.#prefetchMultiplier - this.#held.size),
      onDeliveries: (deliveries) => this.#take(deliveries),
      onLost: (tags) => this.#lost(tags),
      onError: (error) =>
        logger.error({ err: error }, 'the broker connection failed; the worker goes on trying'),
      clock,
      logger,
      ...(this.#results ? { results: this.#results } : {}),
    })
  }

  /**
   * Ends the worker. Warm: claims nothing more and waits for what runs, at most `workerShutdownTimeout` seconds; then,
   * or at once when cold, what still runs goes back to its queue, no attempt consumed. A warm stop that takes too long
   * can be made a cold one.
   */
  async stop(how: StopKind = 'warm'): Promise<void> {
    const before = this.#stopping
    if (before === undefined) {
      this.#stopping = how
      this.#stopped = this.#end(how)
    } else if (before === 'warm' && how === 'cold') {
      this.#stopping = how
      await this.#handBack()
    }
    await this.#stopped
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('warm')
  }

  async #end(how: StopKind): Promise<void> {
    this.#app.signals.emit('workerShuttingDown', { hostname: this.hostname, how })
    await this.#consumer.pause()
    if (how === 'warm') await this.#waitForIdle(this.#app.conf.workerShutdownTimeout * 1000)
    await this.#handBack()
    await this.#settler.drain()
    await this.pool.stop(this.#stopping ?? how)
    this.#started?.stop()
    await this.#consumer.close()
    this.#app.signals.emit('workerShutdown', { hostname: this.hostname })
  }

  #take(deliveries: readonly Delivery[]): void {
    crashPoint('claim:after')
    for (const delivery of deliveries) {
      try {
        this.#accepted(
          delivery,
          takeIn(delivery, {
            app: this.#app,
            accept: this.#accept,
            refusals: this.#refusals,
            environment: this.#environment,
            isRevoked: () => false,
          }),
        )
      } catch (error) {
        // A fault of ours: the message stays claimed and comes back by its lease, counted, so that it cannot loop.
        this.#logger.error(
          { err: error, tag: delivery.tag },
          'could not take a message in; it returns to its queue',
        )
        this.#app.signals.emit('taskInternalError', { headers: undefined, error })
        this.#settler.add({
          publish: [],
          results: [],
          settlement: { tag: delivery.tag, kind: 'requeue', counts: true },
          state: null,
        })
      }
    }
  }

  #accepted(delivery: Delivery, intake: Intake): void {
    if (intake.kind === 'job') return this.#begin(intake.job, delivery)
    const { signals } = this.#app
    if (intake.kind === 'refused') {
      const { error, headers } = intake
      this.#logger.error(
        { code: error.code, task_id: headers?.id, task_name: headers?.task, queue: delivery.queue },
        `message quarantined: ${error.message}`,
      )
      signals.emit('taskRejected', { headers, requeue: false, reason: error.message })
    } else if (intake.kind === 'unknown') {
      const { task: name, id } = intake.headers
      this.#logger.error(
        { task_id: id, task_name: name, queue: delivery.queue },
        `${this.#app.tasks.unknown(name).message} The message is kept.`,
      )
      signals.emit('taskUnknown', { name, id })
    } else if (intake.kind === 'revoked') {
      const { headers, why } = intake
      this.#logger.info(
        { task_id: headers.id, task_name: headers.task, state: 'REVOKED' },
        `Discarding ${why} task ${headers.task}[${headers.id}]`,
      )
      signals.emit('taskRevoked', { headers, terminated: false, signum: null, expired: why === 'expired' })
    }
    this.#settler.add(intake.plan)
  }

  #begin(job: Job, delivery: Delivery): void {
    const { context, task } = job
    const ackedEarly = task.options.acksLate === false
    this.#held.set(delivery.tag, { delivery, job, ackedEarly, startedAt: performance.now() })
    this.#log.received(context)
    if (this.#app.signals.has('taskReceived'))
      this.#app.signals.emit('taskReceived', { headers: context.wireHeaders, queue: delivery.queue })
    if (!ackedEarly) return this.#run(job, delivery.tag)
    // Early ack: the message is gone from the broker before user code runs, so that it can never run twice.
    this.#consumer.settle([{ tag: delivery.tag, kind: 'ack' }]).then(
      (refused) => (refused.length > 0 ? this.#lost(refused) : this.#run(job, delivery.tag)),
      (error: unknown) => {
        this.#logger.error(
          { err: error, task_id: context.id },
          'could not acknowledge early; the task is not run',
        )
        this.#lost([delivery.tag])
      },
    )
  }

  #run(job: Job, tag: string): void {
    const { context } = job
    crashPoint('run:before')
    if (context.task.options.trackStarted !== false) this.#started?.started(context)
    if (this.#app.signals.has('taskPrerun')) this.#app.signals.emit('taskPrerun', { context })
    const outcome = this.#wrapped ? this.#runWrapped(job, this.#wrapped) : this.pool.run(job)
    if (outcome instanceof Promise) outcome.then((ended) => this.#finish(tag, ended))
    else this.#finish(tag, outcome)
  }

  /** A middleware that throws fails its task, never its worker. */
  async #runWrapped(job: Job, wrapped: Next<RunContext, Outcome>): Promise<Outcome> {
    this.#jobs.set(job.context, job)
    try {
      return await wrapped({ context: job.context })
    } catch (error) {
      return failure(job.task, error)
    }
  }

  async #runJob(context: TaskContext): Promise<Outcome> {
    const job = this.#jobs.get(context)
    if (!job) throw new TypeError('a middleware passed on another context than it was given')
    return this.pool.run(job)
  }

  #finish(tag: string, outcome: Outcome): void {
    crashPoint('run:after')
    const held = this.#held.get(tag)
    // Handed back by a shutdown, or lost to another worker: whoever has it now settles it.
    if (!held) return
    const late = this.#started?.finished(held.job.context)
    if (late) void late.then(() => this.#conclude(tag, held, outcome))
    else this.#conclude(tag, held, outcome)
  }

  #conclude(tag: string, held: Held, outcome: Outcome): void {
    if (!this.#held.delete(tag)) return
    this.#processed++
    const { job, delivery, ackedEarly, startedAt } = held
    const { context, message, call } = job
    const plan = planSettlement(
      { delivery, message, call, context, outcome, ackedEarly, nowMs: this.#app.clock.now() },
      this.#plan,
    )
    this.#log.finished(context, outcome, performance.now() - startedAt)
    this.#tell(job, outcome)
    this.#settler.add(plan)
    if (this.#held.size === 0) this.#onIdle?.()
  }

  /** Handlers and signals; theirs is to look, so that a fault of theirs is logged and changes nothing. */
  #tell({ context, task }: Job, outcome: Outcome): void {
    const { signals } = this.#app
    const { onSuccess, onRetry, onFailure, afterReturn } = task.handlers
    const call = (name: string, handler: () => unknown): void => {
      const fault = (error: unknown): void =>
        this.#logger.error({ err: error, task_id: context.id, handler: name }, 'a task handler failed')
      void inContext(context, async () => handler()).catch(fault)
    }
    if (outcome.kind === 'success') {
      if (onSuccess) call('onSuccess', () => onSuccess(context, outcome.value))
      if (signals.has('taskSuccess')) signals.emit('taskSuccess', { context, result: outcome.value })
    } else if (outcome.kind === 'failure') {
      if (onFailure) call('onFailure', () => onFailure(context, outcome.error))
      if (signals.has('taskFailure'))
        signals.emit('taskFailure', { context, error: outcome.error, traceback: outcome.traceback })
    } else if (outcome.kind === 'retry') {
      if (onRetry) call('onRetry', () => onRetry(context, outcome.request.cause))
      if (signals.has('taskRetry'))
        signals.emit('taskRetry', { context, reason: outcome.request.cause, dueMs: outcome.dueMs })
    } else if (outcome.kind === 'reject') {
      if (signals.has('taskRejected'))
        signals.emit('taskRejected', {
          headers: context.wireHeaders,
          requeue: outcome.requeue,
          reason: outcome.message,
        })
    }
    if (afterReturn) call('afterReturn', () => afterReturn(context, stateOf(outcome)))
    if (signals.has('taskPostrun'))
      signals.emit('taskPostrun', {
        context,
        state: stateOf(outcome),
        result: outcome.kind === 'success' ? outcome.value : null,
      })
  }

  #lost(tags: readonly string[]): void {
    for (const tag of tags) {
      const held = this.#held.get(tag)
      this.#held.delete(tag)
      this.#logger.warn(
        { task_id: held?.job.context.id, task_name: held?.job.context.name },
        'a message is no longer ours; another worker has it',
      )
    }
    this.#consumer.demand()
    if (this.#held.size === 0) this.#onIdle?.()
  }

  async #waitForIdle(limitMs: number): Promise<void> {
    if (this.#held.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    const enough = new AbortController()
    await Promise.race([idle, delay(this.#app.clock, limitMs, enough.signal).catch(() => undefined)])
    enough.abort()
  }

  /** Gives back what still runs; its outcome, should one come, is nobody's any more. */
  async #handBack(): Promise<void> {
    const left = [...this.#held.values()]
    this.#held.clear()
    this.#onIdle?.()
    for (const { job } of left) job.context.abort(new Error('The worker is shutting down.'))
    const settlements = left.flatMap(({ delivery, ackedEarly }) =>
      ackedEarly ? [] : [{ tag: delivery.tag, kind: 'requeue', counts: false } as const],
    )
    if (settlements.length === 0) return
    this.#logger.warn(
      { tasks: left.map(({ job }) => job.context.id) },
      `${settlements.length} unfinished tasks go back to their queues`,
    )
    await this.#consumer.settle(settlements)
  }

  async #updateState(context: TaskContext, state: string, meta: unknown): Promise<void> {
    if (!this.#results || context.ignoreResult) return
    // The task shows more than STARTED now, which must not come after it.
    await this.#started?.finished(context)
    const extended = this.#plan.resultExtended ? { extended: extendedOf(context, this.hostname) } : {}
    const resultJson = encodeJson(meta, `meta of ${context.name}`)
    await this.#results.store([
      {
        id: context.id,
        state,
        result: meta,
        resultJson,
        traceback: null,
        children: context.children,
        dateDone: null,
        ...extended,
      },
    ])
  }
}

function visibilityTimeoutMs(options: Readonly<Record<string, unknown>>): number {
  const seconds = Number(options.visibility_timeout ?? options.visibilityTimeout ?? 3600)
  return (Number.isFinite(seconds) ? seconds : 3600) * 1000
}

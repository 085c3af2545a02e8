import type { Event } from '../../events/index.js'
import type { AppCore, ControlCommand } from '../core/index.js'
import type { Answers, BroadcastOptions, EventOptions } from '../fleet/index.js'
import type { RevokeOptions } from '../results/index.js'
import { events } from './app-events.js'
import { fleet } from './fleet.js'
import { Inspect } from './inspect.js'

/** What a node says about a command. */
export interface Done {
  readonly ok?: string
  readonly error?: string
}

/**
 * What operators do to a running cluster: `app.control`. Revokes, rates and pauses are kept in the coordination store, so
 * that they hold for workers that start later and through restarts; all else is told to the workers that listen now.
 */
export class Control {
  readonly #core: AppCore

  constructor(core: AppCore) {
    this.#core = core
  }

  /** Questions to workers. */
  inspect(options: BroadcastOptions = {}): Inspect {
    return new Inspect(this.#core, options)
  }
  /** Sends any command and gathers the answers. */
  broadcast(
    method: string,
    args: Readonly<Record<string, unknown>> = {},
    options: BroadcastOptions = {},
  ): Promise<Answers<unknown>> {
    return fleet().then(({ ask }) => ask(this.#core, method, args, options))
  }
  /**
   * What nodes in any language tell, as it comes: `for await (const event of app.control.events())`. Tasks are told of where
   * events are enabled (`enableEvents`, `-E`), workers always.
   */
  events(options?: EventOptions): AsyncGenerator<Event, void, undefined> {
    return events(this.#core, options)
  }
  /** Defines a command that this app's workers obey. */
  command(name: string, run: ControlCommand): void {
    this.#core.commands.set(name, run)
  }

  /** Who is there. */
  ping(options?: BroadcastOptions): Promise<Answers<{ readonly ok: 'pong' }>> {
    return this.inspect(options).ping()
  }

  /**
   * Keeps tasks from running, whether or not a worker is up: they stand as REVOKED at once, and are dropped when their
   * message comes. With `terminate` they are stopped where they run. Python's workers are told, as Celery does.
   */
  async revoke(ids: string | readonly string[], options: RevokeOptions = {}): Promise<void> {
    await this.#core.revoke([ids].flat(), options)
  }
  /** Revokes every task that carries one of these stamps, each a value of JSON or a list of them: `{ tenant: ['a', 42] }`. */
  async revokeByStampedHeaders(
    stamps: Readonly<Record<string, unknown>>,
    options: RevokeOptions = {},
  ): Promise<void> {
    await (await fleet()).revokeStamped(this.#core, stamps, options)
  }
  /**
   * Changes how often a task may run, in the whole cluster and until it is changed again: `10/s`, `10/m`, `10/h`, 0 = as
   * often as it can, null = as the task's own options say. Python's workers each keep the rate for themselves.
   * @throws {ConfigurationError} LVG_CONFIG_INVALID
   */
  async rateLimit(task: string, rate: string | number | null): Promise<void> {
    const { setRate, tell, whereAgreed } = await fleet()
    const keep = (): Promise<void> => setRate(this.#core, task, rate)
    // What the task's own options say cannot be told to workers: it must be kept.
    await (rate === null ? keep() : whereAgreed(keep))
    if (rate !== null) await tell(this.#core, 'rate_limit', { task_name: task, rate_limit: rate })
  }
  /** Keeps all workers of the cluster from claiming from these queues, until `resumeQueues`. */
  pauseQueues(...queues: readonly string[]): Promise<void> {
    return fleet().then((they) => they.pauseQueues(this.#core, queues))
  }
  /** Undoes a pause; tells how many of the queues were paused. */
  resumeQueues(...queues: readonly string[]): Promise<number> {
    return fleet().then((they) => they.resumeQueues(this.#core, queues))
  }
  /** The queues that are paused, sorted. */
  pausedQueues(): Promise<readonly string[]> {
    return fleet().then((they) => they.pausedQueues(this.#core))
  }

  /** Sets a task's time limits in seconds, for runs that begin from now on. */
  timeLimit(
    task: string,
    limits: { readonly hard?: number; readonly soft?: number },
    options?: BroadcastOptions,
  ): Promise<Answers<Done>> {
    const { hard = null, soft = null } = limits
    return this.#done('time_limit', { task_name: task, hard, soft }, options)
  }
  /** Lets workers consume one more queue. */
  addConsumer(queue: string, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('add_consumer', { queue }, options)
  }
  /** Lets workers leave a queue. */
  cancelConsumer(queue: string, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('cancel_consumer', { queue }, options)
  }
  /** Gives workers `n` more slots. */
  poolGrow(n = 1, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_grow', { n }, options)
  }
  /** Takes `n` slots away. */
  poolShrink(n = 1, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_shrink', { n }, options)
  }
  /** Replaces the children of workers, each when its present task has ended. */
  poolRestart(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_restart', {}, options)
  }
  /** Changes the bounds of autoscaling. */
  autoscale(max: number, min: number, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('autoscale', { max, min }, options)
  }
  /** Lets workers tell what their tasks do. */
  enableEvents(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('enable_events', {}, options)
  }
  /** Lets workers fall silent about their tasks. */
  disableEvents(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('disable_events', {}, options)
  }
  /** Asks workers to say that they are alive. */
  heartbeat(options?: BroadcastOptions): Promise<void> {
    return fleet().then(({ tell }) => tell(this.#core, 'heartbeat', {}, options))
  }
  /** Ends workers, warm: what runs is finished. */
  shutdown(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('shutdown', {}, options)
  }

  #done(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: BroadcastOptions | undefined,
  ): Promise<Answers<Done>> {
    return this.broadcast(method, args, options) as Promise<Answers<Done>>
  }
}

import type { Event } from '../../events/index.js'
import type { AppCore, ControlCommand } from '../core/index.js'
import type { Answers, BroadcastOptions, EventOptions } from '../fleet/index.js'
import type { RevokeOptions } from '../results/index.js'
import { events } from './app-events.js'
import { fleet } from './fleet.js'
import { Inspect } from './inspect.js'

/** A node's reply to a command. */
export interface Done {
  readonly ok?: string
  readonly error?: string
}

/**
 * Operators' commands for a running cluster: `app.control`. Revokes, rates and pauses are kept in the coordination store, so
 * they survive restarts and apply to workers that start later; everything else is sent to the workers that listen now.
 *
 * @example
 * await app.control.revoke(id, { terminate: true })
 * await app.control.rateLimit('mail.send', '10/m')
 * console.log(await app.control.ping())
 */
export class Control {
  readonly #core: AppCore

  constructor(core: AppCore) {
    this.#core = core
  }

  /** Queries to workers. */
  inspect(options: BroadcastOptions = {}): Inspect {
    return new Inspect(this.#core, options)
  }
  /** Sends any command and collects the replies. */
  broadcast(
    method: string,
    args: Readonly<Record<string, unknown>> = {},
    options: BroadcastOptions = {},
  ): Promise<Answers<unknown>> {
    return fleet().then(({ ask }) => ask(this.#core, method, args, options))
  }
  /**
   * Events from nodes in any language, as they arrive: `for await (const event of app.control.events())`. Task events are sent only
   * where they are enabled (`enableEvents`, `-E`), worker events always.
   */
  events(options?: EventOptions): AsyncGenerator<Event, void, undefined> {
    return events(this.#core, options)
  }
  /** Defines a command that this app's workers obey. */
  command(name: string, run: ControlCommand): void {
    this.#core.commands.set(name, run)
  }

  /** Returns the nodes that reply. */
  ping(options?: BroadcastOptions): Promise<Answers<{ readonly ok: 'pong' }>> {
    return this.inspect(options).ping()
  }

  /**
   * Keeps tasks from running, whether or not a worker is up: they become REVOKED at once, and are dropped when their
   * message arrives. With `terminate` running ones are stopped. Python's workers are notified, as in Celery.
   */
  async revoke(ids: string | readonly string[], options: RevokeOptions = {}): Promise<void> {
    await this.#core.revoke([ids].flat(), options)
  }
  /** Revokes every task that carries one of these stamps, each a JSON value or a list of them: `{ tenant: ['a', 42] }`. */
  async revokeByStampedHeaders(
    stamps: Readonly<Record<string, unknown>>,
    options: RevokeOptions = {},
  ): Promise<void> {
    await (await fleet()).revokeStamped(this.#core, stamps, options)
  }
  /**
   * Changes a task's rate, in the whole cluster and until it is changed again: `10/s`, `10/m`, `10/h`, 0 =
   * unlimited, null = the rate in the task's own options. Python's workers each apply the rate separately.
   * @throws {ConfigurationError} LVG_CONFIG_INVALID
   */
  async rateLimit(task: string, rate: string | number | null): Promise<void> {
    const { setRate, tell, whereAgreed } = await fleet()
    const keep = (): Promise<void> => setRate(this.#core, task, rate)
    // The rate in a task's own options cannot be sent to workers: it must be stored.
    await (rate === null ? keep() : whereAgreed(keep))
    if (rate !== null) await tell(this.#core, 'rate_limit', { task_name: task, rate_limit: rate })
  }
  /** Keeps all workers of the cluster from claiming from these queues, until `resumeQueues`. */
  pauseQueues(...queues: readonly string[]): Promise<void> {
    return fleet().then((they) => they.pauseQueues(this.#core, queues))
  }
  /** Undoes a pause; returns how many of the queues were paused. */
  resumeQueues(...queues: readonly string[]): Promise<number> {
    return fleet().then((they) => they.resumeQueues(this.#core, queues))
  }
  /** The queues that are paused, sorted. */
  pausedQueues(): Promise<readonly string[]> {
    return fleet().then((they) => they.pausedQueues(this.#core))
  }

  /** Sets a task's time limits in seconds, for runs that start from now on. */
  timeLimit(
    task: string,
    limits: { readonly hard?: number; readonly soft?: number },
    options?: BroadcastOptions,
  ): Promise<Answers<Done>> {
    const { hard = null, soft = null } = limits
    return this.#done('time_limit', { task_name: task, hard, soft }, options)
  }
  /** Makes workers consume one more queue. */
  addConsumer(queue: string, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('add_consumer', { queue }, options)
  }
  /** Makes workers stop consuming a queue. */
  cancelConsumer(queue: string, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('cancel_consumer', { queue }, options)
  }
  /** Gives workers `n` more slots. */
  poolGrow(n = 1, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_grow', { n }, options)
  }
  /** Removes `n` slots from workers. */
  poolShrink(n = 1, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_shrink', { n }, options)
  }
  /** Replaces the workers' children, each after its current task. */
  poolRestart(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('pool_restart', {}, options)
  }
  /** Changes the bounds of autoscaling. */
  autoscale(max: number, min: number, options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('autoscale', { max, min }, options)
  }
  /** Makes workers send task events. */
  enableEvents(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('enable_events', {}, options)
  }
  /** Makes workers stop sending task events. */
  disableEvents(options?: BroadcastOptions): Promise<Answers<Done>> {
    return this.#done('disable_events', {}, options)
  }
  /** Asks workers to report that they are alive. */
  heartbeat(options?: BroadcastOptions): Promise<void> {
    return fleet().then(({ tell }) => tell(this.#core, 'heartbeat', {}, options))
  }
  /** Shuts workers down, warm: running tasks are finished. */
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

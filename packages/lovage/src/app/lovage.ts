import { fromWire, taskNode } from '../canvas/index.js'
import { type Clock, ConfigurationError, type Logger, ResultError } from '../kernel/index.js'
import type { ErrorMapping } from '../message/index.js'
import { readTuple } from '../result/index.js'
import {
  type AddPeriodicTask,
  AppCore,
  type AppOptions,
  type DeployCheck,
  type MetricSource,
  type SignalBoard,
  setCore,
  type WorkerStep,
} from './core/index.js'
import type { OnceOptions } from './fleet/index.js'
import { type AppEvents, appEvents, Control, DeadLetters, fleet, Queues } from './operating/index.js'
import { type AnyResult, AsyncResult, type GroupResult, joinsOf } from './results/index.js'
import { Sender } from './sending/index.js'
import {
  type Settings,
  type SettingsInput,
  type SetupSecurity,
  securitySettings,
  settingsFrom,
} from './settings/index.js'
import {
  type ArgumentsOf,
  type Contract,
  checkUntypedCall,
  type InputOf,
  type NamedTask,
  type PositionalTask,
  type ResultOf,
  type Schema,
  Signature,
  sortParts,
  type Task,
  type TaskContext,
  type TaskHandlers,
  type TaskOptions,
  type TaskParts,
  type TaskRegistry,
  toWireOptions,
  type UntypedCall,
} from './tasks/index.js'

/**
 * An application: its tasks, its settings, and the connections that they use. Calls and results are here; operations for
 * operators are in `control`, `queues`, `deadLetters` and `events`.
 *
 * @example
 * import { Lovage } from 'lovage'
 * const app = new Lovage('shop', { broker: 'redis://localhost' })
 * const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
 * await (await add.delay(2, 3)).get() // 5, with a worker running
 */
export class Lovage {
  /** The app's name; it appears in `lovage report` and in worker banners. */
  readonly main: string
  /** The tasks that it can run, by name. */
  readonly tasks: TaskRegistry
  /** Adds an entry to the schedule. */
  readonly addPeriodicTask: AddPeriodicTask
  /** Operators' commands for a running cluster: revoke, pause, limit. */
  readonly control: Control
  /** Messages that no worker will run again by itself: inspect, redrive or remove them. */
  readonly deadLetters: DeadLetters
  /** Messages waiting in queues, task by task: inspect them, run them now, later or never. */
  readonly queues: Queues
  /** Celery's signals: listeners observe, and change nothing. */
  readonly signals: SignalBoard
  /** The cluster's events, as they happen (`for await (const event of app.events())`), and events of one's own. */
  readonly events: AppEvents
  /** Steps that start and stop with each worker of this app. */
  readonly steps: WorkerStep[]
  /** Additional checks for `lovage check --deploy` and `lovage doctor`: a warehouse, a flag, a runbook. */
  readonly deployChecks: DeployCheck[]
  /** Metrics that a worker serves at `/metrics` in addition to its own. */
  readonly metricSources: MetricSource[]
  readonly #core: AppCore

  /**
   * An app and its settings; nothing is connected yet.
   *
   * @example
   * import { Lovage } from 'lovage'
   * const app = new Lovage('shop', { broker: 'redis://localhost:6379/0', taskTimeLimit: 300 })
   *
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN for a misspelt setting, LVG_CONFIG_INVALID for an invalid value.
   */
  constructor(main: string, options: AppOptions = {}) {
    if (typeof main !== 'string')
      throw new ConfigurationError('An app has a name before its settings.', {
        code: 'LVG_CONFIG_INVALID',
        hint: "Say new Lovage('shop', { … }).",
      })
    const core = new AppCore(main, options, {
      calls: (owner) => new Sender(owner),
      relaying: async (owner, headers) => (await import('./guards/index.js')).confirmRelayed(owner, headers),
      revoke: async (owner, ids, options) => (await fleet()).revokeTasks(owner, ids, options),
    })
    setCore(this, core)
    this.#core = core
    this.main = main
    this.tasks = core.tasks
    this.addPeriodicTask = core.periodicTasks.add
    this.control = new Control(core)
    this.deadLetters = new DeadLetters(core)
    this.queues = new Queues(core)
    this.signals = core.signals
    this.events = appEvents(core)
    this.steps = core.steps
    this.deployChecks = core.deployChecks
    this.metricSources = core.metricSources
  }

  /** The settings in force: code before command line before environment before default. */
  get conf(): Settings {
    return this.#core.conf
  }
  /** The logger. */
  get logger(): Logger {
    return this.#core.logger
  }
  set logger(logger: Logger) {
    this.#core.logger = logger
  }
  /** The clock in use: the system's, or one supplied by a test. */
  get clock(): Clock {
    return this.#core.clock
  }

  /**
   * Reads settings from an object in any of Celery's spellings; with a namespace, from the names that carry it:
   * `app.configFromObject(env, { namespace: 'CELERY' })`.
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID.
   */
  configFromObject(settings: SettingsInput | object, options: { readonly namespace?: string } = {}): this {
    this.#core.configure('code', settingsFrom(settings, options.namespace))
    return this
  }
  /**
   * Gives classes of errors their counterparts in Python, both ways: what a task throws has that class and those arguments in Python's
   * `except`, and what Python's tasks raise is thrown by `get` as an error of the class, with the TaskError as its cause. Errors whose names
   * Python has built in, such as `ValueError`, have them without.
   *
   * @throws {ConfigurationError} LVG_CONFIG_INVALID for a name without a module, and for anything but a class of errors.
   * @example
   * class OutOfStock extends Error {}
   * class CardDeclined extends Error {
   *   code = 'insufficient_funds'
   * }
   * app.errors({
   *   'shop.errors.OutOfStock': OutOfStock,
   *   'shop.errors.CardDeclined': {
   *     class: CardDeclined,
   *     toArgs: ({ message, code }: CardDeclined) => [message, code],
   *   },
   * })
   */
  errors(classes: ErrorMapping): this {
    this.#core.errors.add(classes)
    return this
  }
  /** Signs the messages this app sends, and trusts only signers in its store: Celery's `setup_security`. LVG_CONFIG_INVALID for an unusable file. */
  setupSecurity(options: SetupSecurity): this {
    return this.configFromObject(securitySettings(options, this.conf.acceptContent))
  }

  /** Defines and registers a task. */
  task<Input extends Schema, Result>(definition: NamedTask<Input, Result>): Task<InputOf<Input>, Result>
  task<const Run extends (context: TaskContext, ...args: never[]) => unknown>(
    definition: PositionalTask<Run>,
  ): Task<ArgumentsOf<Run>, ResultOf<Run>>
  task(definition: object): object {
    // The definition of either overload; their types have done their work at the call.
    return this.#core.register(sortParts(definition as TaskParts))
  }

  /** Declares a task that is implemented elsewhere, to be called from here. */
  remote<Args, Result>(contract: Contract<Args, Result>): Task<Args, Result> {
    const { name, options = {}, params, input, output } = contract
    return this.#core.define({
      name,
      own: options,
      handlers: {},
      ...(params ? { params } : {}),
      ...(input ? { input } : {}),
      ...(output ? { output } : {}),
    })
  }

  /** Implements a contract here; the contract gives the function's types. */
  implement<Args, Result>(
    contract: Contract<Args, Result>,
    run: (
      context: TaskContext,
      ...args: Args extends readonly unknown[] ? Args : [input: Args]
    ) => Result | Promise<Result>,
    options: TaskOptions & TaskHandlers<Result> = {},
  ): Task<Args, Result> {
    const { name, params, input } = contract
    // The overloads of `task` tell named from positional tasks; the contract has done that already.
    return (this.task as (definition: object) => Task<Args, Result>)({
      ...contract.options,
      ...options,
      name,
      params,
      input,
      run,
    })
  }

  /** Calls a task by its name alone. */
  async sendTask(name: string, call: UntypedCall = {}): Promise<AsyncResult<unknown>> {
    const { args = [], kwargs = {}, ...options } = checkUntypedCall(name, call)
    const defaults = this.#core.known(name)?.definition.own ?? {}
    return this.#core.calls.send({ task: name, args, kwargs, options, defaults })
  }

  /** A signature of a task that is known only by its name. */
  signature<Result = unknown>(
    name: string,
    {
      args = [],
      kwargs = {},
      immutable = false,
      ...options
    }: UntypedCall & { readonly immutable?: boolean } = {},
  ): Signature<readonly unknown[], Result> {
    checkUntypedCall(name, options)
    const canvas = taskNode(name, args, kwargs, toWireOptions(options), immutable)
    return new Signature(canvas, this.#core.calls)
  }
  /**
   * Restores a signature received over a wire: the output of `JSON.stringify(signature)`, Python's or ours.
   * @throws {MessageError} LVG_CANVAS_INVALID.
   */
  signatureFrom(wire: unknown): Signature<readonly unknown[], unknown, AnyResult> {
    return new Signature(fromWire(wire), this.#core.calls)
  }

  /** The result of an earlier call, by id. */
  asyncResult<Result = unknown>(id: string): AsyncResult<Result> {
    return new AsyncResult<Result>(id, this.#core)
  }
  /**
   * The result that Celery's pairs describe, such as the value of a task that returned the result of another.
   * @throws {ResultError} LVG_RESULT_UNREADABLE.
   */
  resultFrom(tuple: unknown): AnyResult {
    const read = readTuple(tuple)
    if (read) return this.#core.resultOf(read)
    throw new ResultError('These are not the pairs of a result.', { code: 'LVG_RESULT_UNREADABLE' })
  }
  /** A group that was saved; undefined if there is none. */
  async groupResult<Results extends readonly unknown[] = readonly unknown[]>(
    id: string,
  ): Promise<GroupResult<Results> | undefined> {
    const tuple = await (await joinsOf(this.#core)).group(id)
    // A saved id belongs to a group; the caller vouches for the types of its values.
    return tuple && (this.#core.resultOf(tuple) as GroupResult<Results>)
  }

  /** Imports the modules that match the globs, so that their tasks are registered; returns the modules. */
  autodiscover(patterns: readonly string[], folder = process.cwd()): Promise<readonly string[]> {
    return import('./autodiscover.js').then(({ discover }) => discover(patterns, folder))
  }

  /**
   * Does `work` once under `key`, in the whole fleet, and remembers its value for `ttl` seconds: a task that runs again
   * does not charge a card twice. Later callers get the first caller's value; a failure is not remembered.
   */
  once<T>(key: string, work: () => T | Promise<T>, options?: OnceOptions): Promise<T> {
    return fleet().then(({ once }) => once(this.#core, key, work, options))
  }

  /** Sends everything in flight and disconnects. */
  async close(): Promise<void> {
    await this.#core.close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

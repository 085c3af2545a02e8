import type { Broker } from '../broker/index.js'
import { type Canvas, fromWire, taskNode } from '../canvas/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import {
  type Clock,
  ConfigurationError,
  defaultLogger,
  type Logger,
  LogicalClock,
  type LovageError,
  systemClock,
} from '../kernel/index.js'
import type { ResultBackend, ResultTuple } from '../result/index.js'
import type { AppOptions } from './app-options.js'
import { discover } from './autodiscover.js'
import {
  type AddPeriodicTask,
  Connections,
  type DeployCheck,
  markAsApp,
  PeriodicTasks,
  SignalBoard,
  type WorkerStep,
} from './core/index.js'
import { appEvents, Control, DeadLetters, type OnceOptions, once, Queues } from './operating/index.js'
import {
  type AnyResult,
  AsyncResult,
  type EagerResult,
  type GroupResult,
  joinsOf,
  type ResultHost,
  resultOf,
} from './results/index.js'
import { namesInRoutes, type Router } from './routing/index.js'
import { applyEagerly, sendEagerly } from './running/index.js'
import { guardOf, Publisher, sendAllGuarded, sendCanvas, sendGuarded, sendMembers } from './sending/index.js'
import {
  annotatedOptions,
  routerOf,
  type Settings,
  type SettingsInput,
  type SettingsLayer,
  SettingsLayers,
  type SetupSecurity,
  securitySettings,
  settingsFrom,
} from './settings/index.js'
import {
  type AnyTask,
  type ArgumentsOf,
  type Call,
  type Contract,
  checkUntypedCall,
  type InputOf,
  type Middleware,
  type NamedTask,
  type PositionalTask,
  type ResultOf,
  type Schema,
  Signature,
  sortParts,
  Task,
  type TaskContext,
  type TaskDefinition,
  type TaskHandlers,
  type TaskHost,
  type TaskOptions,
  type TaskParts,
  TaskRegistry,
  toWireOptions,
  type UntypedCall,
} from './tasks/index.js'

/** An application: its tasks, its settings, and the connections that they use. */
export class Lovage implements TaskHost, ResultHost {
  /** The app's name; it appears in `lovage report` and in worker banners. */
  readonly main: string
  readonly tasks = new TaskRegistry()
  /** The schedule that the code gives to beat. */
  readonly periodicTasks = new PeriodicTasks(() => this.conf.beatSchedule)
  /** Adds an entry to the schedule. */
  readonly addPeriodicTask: AddPeriodicTask = this.periodicTasks.add
  /** What operators do to a running cluster: revoke, pause, limit. */
  readonly control = new Control(this)
  /** What no worker runs again by itself: look at it, send it again, remove it. */
  readonly deadLetters = new DeadLetters(this)
  /** What waits in queues, task by task: look at it, run it now, later or never. */
  readonly queues = new Queues(this)
  readonly signals: SignalBoard
  /** What the cluster tells, as it happens (`for await (const event of app.events())`), and events of one's own. */
  readonly events = appEvents(this)
  /** Lamport's clock of this process, for control messages and events. */
  readonly logicalClock = new LogicalClock()
  readonly clock: Clock
  readonly middleware: readonly Middleware[]
  /** What starts and stops with each worker of this app. */
  readonly steps: WorkerStep[] = []
  /** What `lovage check --deploy` and `lovage doctor` look at besides: a warehouse, a flag, a runbook. */
  readonly deployChecks: DeployCheck[] = []
  readonly #settings: SettingsLayers
  readonly #connections: Connections
  #logger: Logger
  #router: Router | undefined
  #publisher: Publisher | undefined
  readonly #env: NodeJS.ProcessEnv

  /**
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN for a misspelt setting, LVG_CONFIG_INVALID for a wrong value.
   */
  constructor(main: string, options: AppOptions = {}) {
    markAsApp(this)
    const { middleware = [], logger, clock = systemClock, env = process.env, ...settings } = options
    this.main = main
    this.middleware = middleware
    this.clock = clock
    this.#env = env
    this.#logger = logger ?? defaultLogger()
    this.signals = new SignalBoard(() => this.#logger)
    this.#settings = new SettingsLayers(settings, env, (warning) => this.#logger.warn({}, warning))
    this.#connections = new Connections(this, env, () => this.events.begin())
  }

  /** Whether it takes settings from this process's environment, as apps do unless they are given another `env`. */
  get readsEnvironment(): boolean {
    return this.#env === process.env
  }
  /** The settings in force: code before command line before environment before default. */
  get conf(): Settings {
    return this.#settings.conf
  }
  get logger(): Logger {
    return this.#logger
  }
  /** Sets where log lines go. */
  set logger(logger: Logger) {
    this.#logger = logger
  }
  get router(): Router {
    this.#router ??= routerOf(this.conf)
    return this.#router
  }

  /**
   * Takes settings from an object in any of Celery's spellings; with a namespace, from the names that carry it:
   * `app.configFromObject(env, { namespace: 'CELERY' })`.
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID.
   */
  configFromObject(settings: object, options: { readonly namespace?: string } = {}): this {
    return this.#configure('code', settingsFrom(settings, options.namespace))
  }
  /** Signs what this app sends, and believes only whom its store knows: Celery's `setup_security`. LVG_CONFIG_INVALID for a file that cannot be used. */
  setupSecurity(options: SetupSecurity): this {
    return this.configFromObject(securitySettings(options, this.conf.acceptContent))
  }
  /** Settings given on a command line: stronger than the environment, weaker than code. */
  configFromCommandLine(settings: SettingsInput): this {
    return this.#configure('commandLine', settingsFrom(settings))
  }

  /** Defines and registers a task. */
  task<Input extends Schema, Result>(definition: NamedTask<Input, Result>): Task<InputOf<Input>, Result>
  task<const Run extends (context: TaskContext, ...args: never[]) => unknown>(
    definition: PositionalTask<Run>,
  ): Task<ArgumentsOf<Run>, ResultOf<Run>>
  task(definition: object): object {
    // Either overload's definition; their types have done their work at the call.
    const task = this.#define<never, never>(sortParts(definition as TaskParts))
    this.tasks.add(task)
    return task
  }

  /** Registers one of Celery's own tasks, which takes its arguments from its context, whatever they are. */
  builtinTask(name: string, run: (context: TaskContext) => unknown): void {
    if (this.tasks.has(name)) return
    this.tasks.add(this.#define<never, never>({ name, own: {}, handlers: {}, isRaw: true, run }))
  }

  /** A task that is implemented elsewhere, to be called from here. */
  remote<Args, Result>(contract: Contract<Args, Result>): Task<Args, Result> {
    const { name, options, params, input, output } = contract
    return this.#define({
      name,
      own: options,
      handlers: {},
      ...(params ? { params } : {}),
      ...(input ? { input } : {}),
      ...(output ? { output } : {}),
    })
  }

  /** Implements a contract here; the function's types are the contract's. */
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
    return this.send({
      task: name,
      args,
      kwargs,
      options,
      defaults: this.tasks.get(name)?.definition.own ?? {},
    })
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
    return new Signature(taskNode(name, args, kwargs, toWireOptions(options), immutable), this)
  }
  /**
   * A signature that came over a wire: what `JSON.stringify(signature)` gave, Python's or ours.
   * @throws {MessageError} LVG_CANVAS_INVALID.
   */
  signatureFrom(wire: unknown): Signature<readonly unknown[], unknown, AnyResult> {
    return new Signature(fromWire(wire), this)
  }
  sendCanvas(canvas: Canvas, lead: readonly unknown[]): Promise<AnyResult> {
    return sendCanvas(this, this.#publishing(), canvas, lead)
  }
  sendMembers(
    members: Iterable<Canvas> | AsyncIterable<Canvas>,
    lead: readonly unknown[],
  ): Promise<AnyResult> {
    return sendMembers(this, this.#publishing(), members, lead)
  }
  /** A group that was saved; undefined when there is none. */
  async groupResult<Results extends readonly unknown[] = readonly unknown[]>(
    id: string,
  ): Promise<GroupResult<Results> | undefined> {
    const tuple = await (await joinsOf(this)).group(id)
    // What was saved is a group's; its values are taken at the caller's word.
    return tuple && (resultOf(tuple, this) as GroupResult<Results>)
  }
  /** The result that Celery's nested pairs name. */
  resultOf(tuple: ResultTuple): AnyResult {
    return resultOf(tuple, this)
  }

  /** Publishes a call; resolves when the broker has it. */
  send(call: Call): Promise<AsyncResult<unknown>> {
    if (this.conf.taskAlwaysEager) return sendEagerly(this, call)
    const publisher = this.#publishing()
    return guardOf(this, call) ? sendGuarded(this, publisher, call) : publisher.send(call)
  }
  /** Publishes calls together, none of them when one cannot be written. */
  async sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]> {
    if (!this.conf.taskAlwaysEager) return sendAllGuarded(this, this.#publishing(), calls)
    const results: AsyncResult<unknown>[] = []
    for (const call of calls) results.push(await sendEagerly(this, call))
    return results
  }

  applyEagerly(task: AnyTask, call: Call): Promise<EagerResult<unknown>> {
    return applyEagerly(this, task, call)
  }

  /** The result of an earlier call, by id. */
  asyncResult<Result = unknown>(id: string): AsyncResult<Result> {
    return new AsyncResult<Result>(id, this)
  }

  /** Imports the modules that match the globs, so that their tasks are registered; tells which. */
  autodiscover(patterns: readonly string[], folder = process.cwd()): Promise<readonly string[]> {
    return discover(patterns, folder)
  }

  /** The broker, connected on first use. */
  broker(): Promise<Broker> {
    return this.#connections.broker()
  }

  /**
   * The result backend, connected on first use.
   * @throws {ResultError} LVG_RESULT_DISABLED when there is none.
   */
  results(): Promise<ResultBackend> {
    return this.#connections.results()
  }

  /** Whether results are kept at all. */
  get hasResults(): boolean {
    return !this.conf.resultBackend?.startsWith('disabled')
  }

  /** Limits, revokes, pauses and unique keys; beside the broker unless `coordinationUrl` says otherwise. */
  coordination(): Promise<CoordinationStore> {
    return this.#connections.coordination()
  }

  /**
   * Does `work` once under `key`, in the whole fleet, and remembers its value for `ttl` seconds: a task that runs again
   * charges no card twice. Whoever comes later gets the value of the first; a failure is not remembered.
   */
  once<T>(key: string, work: () => T | Promise<T>, options?: OnceOptions): Promise<T> {
    return once(this, key, work, options)
  }

  /** Where the broker is; the embedded file when no setting says. */
  get brokerUrl(): string {
    return this.#connections.brokerUrl
  }
  /** Why the results of calls can be kept nowhere; undefined when they can, or when nobody wants them. */
  get resultProblem(): LovageError | undefined {
    return this.#connections.resultProblem
  }

  /** Where the results of what this process sends are answered to; undefined where results are stored. */
  get replyTo(): string | undefined {
    return this.#connections.replyTo
  }
  /** Where results are; beside the broker when no setting says. */
  get resultUrl(): string {
    return this.#connections.resultUrl
  }

  /** Names in routes that no task here has: most often a typo that sends a task to the default queue. */
  unroutedNames(): readonly string[] {
    return namesInRoutes(this.conf.taskRoutes).filter((name) => !this.tasks.has(name))
  }

  /** Sends what is in flight and disconnects. */
  async close(): Promise<void> {
    await this.events.flush()
    this.#connections.refuse()
    await this.#publisher?.drain()
    await this.#connections.close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #define<Args, Result>(definition: Omit<TaskDefinition, 'options'>): Task<Args, Result> {
    const task: Task<Args, Result> = new Task(this, {
      ...definition,
      // Annotations may be set after the task was defined, and functions among them look at the task.
      get options(): TaskOptions {
        return optionsOf(task)
      },
    })
    const optionsOf = annotatedOptions(() => this.conf)
    return task
  }

  #configure(layer: SettingsLayer, settings: Partial<Settings>): this {
    if (this.#connections.hasBroker || this.#publisher) {
      throw new ConfigurationError(`Settings cannot change: ${this.main} is connected to its broker.`, {
        code: 'LVG_CONFIG_INVALID',
        hint: 'Set them, or start a test worker, before the first call.',
      })
    }
    this.#settings.add(layer, settings)
    this.#router = undefined
    return this
  }

  #publishing(): Publisher {
    this.#connections.check()
    this.#publisher ??= new Publisher(this)
    return this.#publisher
  }
}

import type { Broker } from '../../broker/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import {
  type Clock,
  ConfigurationError,
  defaultLogger,
  type Logger,
  LogicalClock,
  type LovageError,
  systemClock,
} from '../../kernel/index.js'
import { ErrorMap } from '../../message/index.js'
import type { ResultBackend, ResultTuple } from '../../result/index.js'
import { type AnyResult, type ResultSource, type RevokeOptions, resultOf } from '../results/index.js'
import { namesInRoutes, type Router } from '../routing/index.js'
import {
  annotatedOptions,
  routerOf,
  type Settings,
  type SettingsLayer,
  SettingsLayers,
} from '../settings/index.js'
import {
  type AnyTask,
  type Caller,
  type Middleware,
  Task,
  type TaskContext,
  type TaskDefinition,
  type TaskOptions,
  TaskRegistry,
} from '../tasks/index.js'
import type { AppOptions } from './app-options.js'
import { SignalBoard } from './app-signals.js'
import { Connections } from './connections.js'
import type { ControlCommand } from './control-command.js'
import type { DeployCheck } from './deploy-check.js'
import type { MetricSource } from './metric-source.js'
import { PeriodicTasks } from './periodic-tasks.js'
import type { WorkerStep } from './worker-step.js'

/** Services of higher layers, reached through the core. */
export interface CoreParts {
  readonly calls: (core: AppCore) => Caller
  readonly revoke: (core: AppCore, ids: readonly string[], options: RevokeOptions) => Promise<void>
  /** Calls of committed transactions are about to be published. */
  readonly relaying: (core: AppCore, headers: readonly Readonly<Record<string, unknown>>[]) => Promise<void>
}

/**
 * An application as the engine sees it: its registrations, its settings and its connections. Users have
 * `Lovage`, a thin facade over it; workers, beat, control, health and the command line take this.
 */
export class AppCore implements ResultSource {
  readonly main: string
  readonly tasks = new TaskRegistry()
  /** The schedule that the code defines for beat. */
  readonly periodicTasks = new PeriodicTasks(() => this.conf.beatSchedule)
  readonly signals: SignalBoard
  /** Its errors with counterparts in Python. */
  readonly errors = new ErrorMap()
  /** This process's Lamport clock, for control messages and events. */
  readonly logicalClock = new LogicalClock()
  readonly clock: Clock
  readonly middleware: readonly Middleware[]
  /** Steps that start and stop with each worker of this app. */
  readonly steps: WorkerStep[] = []
  readonly deployChecks: DeployCheck[] = []
  readonly metricSources: MetricSource[] = []
  /** The app's own remote control commands, by name. */
  readonly commands = new Map<string, ControlCommand>()
  /** The interface through which tasks and signatures are called. */
  readonly calls: Caller
  readonly #settings: SettingsLayers
  readonly #connections: Connections
  readonly #revoke: CoreParts['revoke']
  readonly #env: NodeJS.ProcessEnv
  /** Tasks that are implemented elsewhere. */
  readonly #contracts = new Map<string, AnyTask>()
  readonly #onConnect: (() => void)[] = []
  readonly #beforeClose: (() => Promise<void>)[] = []
  #logger: Logger
  #router: Router | undefined

  /**
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN for a misspelt setting, LVG_CONFIG_INVALID for an invalid value.
   */
  constructor(main: string, options: AppOptions, parts: CoreParts) {
    const { middleware = [], logger, clock = systemClock, env = process.env, ...settings } = options
    this.main = main
    this.middleware = middleware
    this.clock = clock
    this.#env = env
    this.#logger = logger ?? defaultLogger()
    this.signals = new SignalBoard(() => this.#logger)
    this.#settings = new SettingsLayers(settings, env, (warning) => this.#logger.warn({}, warning))
    this.#connections = new Connections(
      () => ({
        main,
        settings: this.conf,
        clock,
        logger: this.#logger,
        relaying: (headers) => parts.relaying(this, headers),
      }),
      env,
      () => {
        for (const listener of this.#onConnect) listener()
      },
    )
    this.#revoke = parts.revoke
    this.calls = parts.calls(this)
  }

  /** Whether it reads settings from this process's environment, as apps do unless they are given another `env`. */
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
  set logger(logger: Logger) {
    this.#logger = logger
  }
  get router(): Router {
    this.#router ??= routerOf(this.conf)
    return this.#router
  }

  /** Adds settings to a layer. */
  configure(layer: SettingsLayer, settings: Partial<Settings>): void {
    if (this.#connections.hasBroker) {
      throw new ConfigurationError(
        `Settings cannot be changed: ${this.main} is already connected to its broker.`,
        {
          code: 'LVG_CONFIG_INVALID',
          hint: 'Set them, or start a test worker, before the first call.',
        },
      )
    }
    this.#settings.add(layer, settings)
    this.#router = undefined
  }

  /** Creates a task that is called through this app; it is not registered yet. */
  define<Args, Result>(definition: Omit<TaskDefinition, 'options'>): Task<Args, Result> {
    const task: Task<Args, Result> = new Task(this.calls, {
      ...definition,
      // Annotations may be set after the task was defined, and annotation functions inspect the task.
      get options(): TaskOptions {
        return optionsOf(task)
      },
    })
    const optionsOf = annotatedOptions(() => this.conf)
    if (!definition.run) this.#contracts.set(definition.name, task)
    return task
  }
  /** A task by its name: one of its own, or one that it knows by a contract. */
  known(name: string): AnyTask | undefined {
    return this.tasks.get(name) ?? this.#contracts.get(name)
  }
  /** Defines a task and registers it. */
  register<Args, Result>(definition: Omit<TaskDefinition, 'options'>): Task<Args, Result> {
    const task = this.define<Args, Result>(definition)
    this.tasks.add(task)
    return task
  }
  /** Registers one of Celery's own tasks, which reads its arguments from its context, whatever they are. */
  defineBuiltin(name: string, run: (context: TaskContext) => unknown): void {
    if (this.tasks.has(name)) return
    this.register({ name, own: {}, handlers: {}, isRaw: true, run })
  }
  /** Names in routes that match no task here: most often a typo that sends a task to the default queue. */
  unroutedNames(): readonly string[] {
    return namesInRoutes(this.conf.taskRoutes).filter((name) => !this.tasks.has(name))
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
  /** Limits, revokes, pauses and unique keys; kept beside the broker unless `coordinationUrl` says otherwise. */
  coordination(): Promise<CoordinationStore> {
    return this.#connections.coordination()
  }
  /** Whether results are stored at all. */
  get hasResults(): boolean {
    return !this.conf.resultBackend?.startsWith('disabled')
  }
  /** The broker's URL; the embedded file when no setting names one. */
  get brokerUrl(): string {
    return this.#connections.brokerUrl
  }
  /** The result backend's URL; beside the broker when no setting names one. */
  get resultUrl(): string {
    return this.#connections.resultUrl
  }
  /** Why the results of calls cannot be stored; undefined when they can, or when results are not wanted. */
  get resultProblem(): LovageError | undefined {
    return this.#connections.resultProblem
  }
  /** The reply address for results of calls sent by this process; undefined where results are stored. */
  get replyTo(): string | undefined {
    return this.#connections.replyTo
  }

  resultOf(tuple: ResultTuple): AnyResult {
    return resultOf(tuple, this)
  }
  revoke(ids: readonly string[], options: RevokeOptions = {}): Promise<void> {
    return this.#revoke(this, ids, options)
  }

  /** Registers a callback for when it is about to connect to its broker. */
  onConnect(listener: () => void): void {
    this.#onConnect.push(listener)
  }
  /** Registers work to do first on close, while it is still connected. */
  beforeClose(work: () => Promise<void>): void {
    this.#beforeClose.push(work)
  }
  /** @throws {ConnectionError} LVG_CONNECTION_CLOSED when it is closed. */
  requireOpen(): void {
    this.#connections.check()
  }
  /** Sends everything in flight and disconnects. */
  async close(): Promise<void> {
    for (const work of this.#beforeClose) await work()
    this.#connections.refuse()
    await this.calls.drain()
    await this.#connections.close()
  }
}

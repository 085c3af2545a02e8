import type { Logger, LogLevel, Unsubscribe } from '../../kernel/index.js'
import type { OutgoingMessage, TaskHeaders } from '../../message/index.js'
import type { TaskContext } from '../tasks/index.js'

/** Celery's signals and their payloads. Listeners observe; middleware changes. */
export interface AppSignals {
  beforeTaskPublish: { readonly message: OutgoingMessage }
  afterTaskPublish: { readonly message: OutgoingMessage }
  taskReceived: { readonly headers: TaskHeaders; readonly queue: string }
  taskPrerun: { readonly context: TaskContext }
  taskPostrun: {
    readonly context: TaskContext
    readonly state: string
    readonly result: unknown
    /** Milliseconds from the start of the run to its outcome. */
    readonly runtimeMs: number
  }
  taskSuccess: { readonly context: TaskContext; readonly result: unknown; readonly runtimeMs: number }
  taskRetry: { readonly context: TaskContext; readonly reason: unknown; readonly dueMs: number }
  taskFailure: { readonly context: TaskContext; readonly error: unknown; readonly traceback: string }
  /** The worker itself failed around a task; the task's message is kept. */
  taskInternalError: { readonly headers: TaskHeaders | undefined; readonly error: unknown }
  /** `terminated` and `signum`: it was running and was killed; `expired`: it was past its expiry. */
  taskRevoked: {
    readonly headers: TaskHeaders
    readonly terminated: boolean
    readonly signum: number | null
    readonly expired: boolean
  }
  taskRejected: {
    readonly headers: TaskHeaders | undefined
    readonly requeue: boolean
    readonly reason: string
  }
  /** A circuit breaker was opened or closed, by any worker; `key` begins with the task's name. */
  circuitBreakerChanged: { readonly key: string; readonly state: 'open' | 'closed' }
  taskUnknown: { readonly name: string; readonly id: string }
  /** A task has reported progress: the state PROGRESS and its data. */
  taskProgress: { readonly context: TaskContext; readonly meta: unknown }
  /** A task has sent an event of its own. */
  taskEvent: {
    readonly context: TaskContext
    readonly type: string
    readonly fields: Readonly<Record<string, unknown>>
  }
  /**
   * A command line has loaded the app and done nothing else: the time to set a worker up by its name (`app.configFromObject`). The command
   * waits for it. `options` holds the command line's options.
   */
  celerydInit: { readonly hostname: string; readonly options: Readonly<Record<string, unknown>> }
  /** A long-running command has loaded the app: the time to change logging (`app.logger = …`); the command waits for it. */
  setupLogging: {
    readonly hostname: string
    readonly loglevel: LogLevel
    /** null = standard error. */
    readonly logfile: string | null
    /** `pretty`, `json`, or a Python log format. */
    readonly format: string
    readonly colorize: boolean
  }
  /** A worker is about to start; it waits for listeners. */
  workerInit: { readonly hostname: string }
  /** A process or thread is about to run tasks, and waits for listeners; emitted inside it. */
  workerProcessInit: { readonly hostname: string }
  /** A process or thread that ran tasks is about to end, and waits for listeners; emitted inside it. */
  workerProcessShutdown: { readonly hostname: string; readonly pid: number; readonly exitCode: number }
  /** A worker has begun to consume. */
  workerReady: { readonly hostname: string }
  /**
   * A worker is asked to stop, or to stop in a harder way than before. `signal` is null unless a signal requested it;
   * `exitCode` is the code with which the command would end now.
   */
  workerShuttingDown: {
    readonly hostname: string
    readonly how: 'warm' | 'soft' | 'cold'
    readonly signal: NodeJS.Signals | null
    readonly exitCode: number
  }
  /** A worker has stopped; its process waits for listeners, with the app still connected. */
  workerShutdown: { readonly hostname: string }
  /** A worker reports that it is alive: at its start, at every heartbeat, at its end. */
  heartbeatSent: { readonly hostname: string }
  /** A beat starts, by itself or in a worker. */
  beatInit: { readonly hostname: string }
  /** A beat starts in a worker (`-B`). */
  beatEmbeddedInit: { readonly hostname: string }
}

/** The name of a signal. */
export type SignalName = keyof AppSignals

/**
 * Calls listeners; a listener that throws is logged and affects nothing else.
 *
 * @example
 * const end = app.signals.on('taskFailure', ({ context, error }) => console.error(context.name, error))
 * end()
 */
export class SignalBoard {
  readonly #listeners = new Map<SignalName, Set<(payload: never) => unknown>>()
  readonly #logger: () => Logger

  constructor(logger: () => Logger) {
    this.#logger = logger
  }

  /** Listens to a signal. */
  on<Name extends SignalName>(name: Name, listener: (payload: AppSignals[Name]) => unknown): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Whether any listener is registered: without one, payloads need not be built. */
  has(name: SignalName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** Calls every listener, and waits for those that return promises. */
  async tell<Name extends SignalName>(name: Name, payload: AppSignals[Name]): Promise<void> {
    const work: unknown[] = []
    this.#call(name, payload, (returned) => work.push(returned))
    await Promise.all(work)
  }

  /** Calls every listener. */
  emit<Name extends SignalName>(name: Name, payload: AppSignals[Name]): void {
    this.#call(name, payload, () => {})
  }

  #call<Name extends SignalName>(
    name: Name,
    payload: AppSignals[Name],
    on: (returned: Promise<unknown>) => void,
  ): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      const fault = (error: unknown): void =>
        this.#logger().error({ err: error, signal: name }, 'a signal listener failed')
      try {
        // The map's key is the listener's signal, so the payload has its type.
        const returned = (listener as (payload: AppSignals[Name]) => unknown)(payload)
        if (returned instanceof Promise) on(returned.catch(fault))
      } catch (error) {
        fault(error)
      }
    }
  }
}

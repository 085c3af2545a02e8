import type { TaskContext } from '../app/tasks/index.js'
import { type Clock, FleetingMap, type Logger, type Timer } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import type { ResultBackend, ResultRecord } from '../result/index.js'
import { replyOf } from './reply-of.js'
import { extendedOf } from './settle-plan.js'

/** Tasks shorter than this never show as STARTED: no reader could have seen it, and storing it would cost as much as they do. */
const VISIBLE_AFTER_MS = 25

/** Stores STARTED for tasks that run long enough to be observed, in batches. */
export class StartedTracker {
  readonly #ports: {
    readonly results: ResultBackend
    readonly clock: Clock
    readonly logger: Logger
    readonly hostname: string
    readonly extended: boolean
  }
  readonly #young = new FleetingMap<TaskContext>()
  #inFlight: { readonly contexts: ReadonlySet<TaskContext>; readonly stored: Promise<void> } | undefined
  #timer: Timer | undefined

  constructor(ports: {
    readonly results: ResultBackend
    readonly clock: Clock
    readonly logger: Logger
    readonly hostname: string
    readonly extended: boolean
  }) {
    this.#ports = ports
  }

  started(context: TaskContext): void {
    this.#young.set(context.id, context)
    this.#timer ??= this.#ports.clock.setTimer(() => this.#store(), VISIBLE_AFTER_MS)
  }

  /** A promise to await if the task's STARTED is in flight: it must not arrive after the end. */
  finished(context: TaskContext): Promise<void> | undefined {
    if (this.#young.delete(context.id)) return undefined
    return this.#inFlight?.contexts.has(context) ? this.#inFlight.stored : undefined
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #store(): void {
    this.#timer = undefined
    const visible = this.#young.values()
    this.#young.clear()
    if (visible.length === 0) return
    const { results, logger } = this.#ports
    // A state that is only informative may be missed; a final result is never stored from here.
    const stored = results
      .store(visible.map((context) => this.#record(context)))
      .catch((error: unknown) => logger.warn({ err: error }, 'could not store STARTED'))
      .finally(() => {
        if (this.#inFlight?.stored === stored) this.#inFlight = undefined
      })
    this.#inFlight = { contexts: new Set(visible), stored }
  }

  #record(context: TaskContext): ResultRecord {
    const { hostname, extended } = this.#ports
    const result = { pid: process.pid, hostname }
    return {
      id: context.id,
      state: 'STARTED',
      result,
      resultJson: encodeJson(result),
      traceback: null,
      children: [],
      dateDone: null,
      ...(context.groupId === null ? {} : { groupId: context.groupId }),
      ...(context.parentId === null ? {} : { parentId: context.parentId }),
      ...replyOf(context),
      ...(extended ? { extended: extendedOf(context, hostname) } : {}),
    }
  }
}

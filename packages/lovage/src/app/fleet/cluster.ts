import {
  ClusterState,
  type ClusterStateOptions,
  type SeenTask,
  type SeenWorker,
  type TaskChoice,
} from '../../cluster/index.js'
import type { Event } from '../../events/index.js'
import type { Unsubscribe } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { tell } from './broadcast.js'
import { listenToEvents } from './watch-events.js'

/** The scope of the watch, and how much is remembered. */
export interface ClusterOptions extends ClusterStateOptions {
  /** Called with each event after it was processed. Errors it throws are logged. */
  readonly onEvent?: (event: Event) => void
}

/**
 * A view of a cluster built from its events, kept current while open. Events are not stored: it knows only those it has received.
 *
 * @example
 * const cluster = await app.events.cluster()
 * for (const worker of cluster.alive) console.log(worker)
 * console.log(cluster.counts, cluster.task(id))
 * await cluster.close()
 */
export class Cluster implements AsyncDisposable {
  readonly #core: AppCore
  readonly #state: ClusterState
  readonly #onEvent: ((event: Event) => void) | undefined
  #unsubscribe: Unsubscribe | undefined
  #unreadable = 0

  constructor(core: AppCore, { onEvent, ...bounds }: ClusterOptions) {
    this.#core = core
    this.#state = new ClusterState(bounds)
    this.#onEvent = onEvent
  }

  /** Subscribes, and asks all workers to report that they are alive. */
  async open(): Promise<this> {
    this.#unsubscribe = await listenToEvents(this.#core, {
      onEvents: (events) => {
        for (const event of events) this.#hear(event)
      },
      onUnreadable: () => this.#unreadable++,
    })
    await tell(this.#core, 'heartbeat', {})
    return this
  }

  /** Nodes by name; nodes that have gone are included for a while. */
  get workers(): readonly SeenWorker[] {
    return this.#state.workers(this.#core.clock.now())
  }
  /** Live nodes, by name. */
  get alive(): readonly SeenWorker[] {
    return this.workers.filter(({ isAlive }) => isAlive)
  }
  /** A task by its id; undefined when no event named it, or when that was long ago. */
  task(id: string): SeenTask | undefined {
    return this.#state.task(id)
  }
  /** Tasks, most recently seen first. */
  tasks(choice?: TaskChoice): readonly SeenTask[] {
    return this.#state.tasks(choice)
  }
  /** Number of remembered tasks in each state. */
  get counts(): Readonly<Record<string, number>> {
    return this.#state.counts()
  }
  /** Number of events processed. */
  get events(): number {
    return this.#state.events
  }
  /** Number of messages that were not events: too large, or of no known form. */
  get unreadable(): number {
    return this.#unreadable
  }
  /** Forgets the tasks. */
  clearTasks(): void {
    this.#state.clearTasks()
  }

  /** Unsubscribes. The collected state can still be queried. */
  async close(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #hear(event: Event): void {
    this.#state.add(event, this.#core.clock.now())
    try {
      this.#onEvent?.(event)
    } catch (error) {
      this.#core.logger.error({ err: error, type: event.type }, 'an event listener failed')
    }
  }
}

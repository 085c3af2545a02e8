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

/** What is watched, and how much is remembered. */
export interface ClusterOptions extends ClusterStateOptions {
  /** Hears each event after it was taken in. What it throws is logged. */
  readonly onEvent?: (event: Event) => void
}

/** A cluster as its events show it, kept up while this is open. Events are not stored anywhere: it knows of what it has heard. */
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

  /** Listens, and asks all workers to say that they live. */
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

  /** Nodes by name, those that are gone included for a while. */
  get workers(): readonly SeenWorker[] {
    return this.#state.workers(this.#core.clock.now())
  }
  /** Nodes that live, by name. */
  get alive(): readonly SeenWorker[] {
    return this.workers.filter(({ isAlive }) => isAlive)
  }
  /** A task by its id; undefined when nothing was heard of it, or it was long ago. */
  task(id: string): SeenTask | undefined {
    return this.#state.task(id)
  }
  /** Tasks, those first of which something was heard last. */
  tasks(choice?: TaskChoice): readonly SeenTask[] {
    return this.#state.tasks(choice)
  }
  /** How many of the remembered tasks are in each state. */
  get counts(): Readonly<Record<string, number>> {
    return this.#state.counts()
  }
  /** Events that were taken in. */
  get events(): number {
    return this.#state.events
  }
  /** Messages that were no events: too large, or of no known form. */
  get unreadable(): number {
    return this.#unreadable
  }
  /** Forgets the tasks. */
  clearTasks(): void {
    this.#state.clearTasks()
  }

  /** Listens no more. What was heard can still be asked. */
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
      this.#core.logger.error({ err: error, type: event.type }, 'what listens for events has thrown')
    }
  }
}

import type { AppCore } from '../core/index.js'
import type { Answers, BroadcastOptions } from '../fleet/index.js'
import { fleet } from './fleet.js'

/** A task that a worker holds, in Celery's spelling. */
export interface RequestInfo {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly args: unknown
  readonly kwargs: unknown
  readonly hostname: string
  /** Unix seconds; null when it has not started. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: Readonly<Record<string, unknown>>
  /** How many workers were lost with it; absent in replies of Python's workers. */
  readonly redeliveries?: number
  readonly worker_pid: number | null
}

/** A task that waits for its ETA. */
export interface ScheduledInfo {
  readonly eta: string | null
  readonly priority: number
  readonly request: RequestInfo
}

/**
 * Queries to workers, Python's and ours; each resolves to the replies by node that arrived in time.
 *
 * @example
 * const inspect = app.control.inspect({ timeout: 2 })
 * console.log(await inspect.active(), await inspect.registered())
 */
export class Inspect {
  readonly #core: AppCore
  readonly #options: BroadcastOptions

  constructor(core: AppCore, options: BroadcastOptions = {}) {
    this.#core = core
    this.#options = options
  }

  /** Returns the nodes that reply. */
  ping(): Promise<Answers<{ readonly ok: 'pong' }>> {
    return this.#ask('ping')
  }
  /** Running tasks. */
  active(): Promise<Answers<readonly RequestInfo[]>> {
    return this.#ask('active')
  }
  /** Tasks that were claimed and have not started. */
  reserved(): Promise<Answers<readonly RequestInfo[]>> {
    return this.#ask('reserved')
  }
  /** Tasks that wait for their ETA; ours wait in the broker, and each worker lists those of its queues. */
  scheduled(): Promise<Answers<readonly ScheduledInfo[]>> {
    return this.#ask('scheduled')
  }
  /** Names of the tasks that workers know, with the options asked for (`rate_limit`, `serializer`). */
  registered(...taskinfoitems: readonly string[]): Promise<Answers<readonly string[]>> {
    return this.#ask('registered', { taskinfoitems })
  }
  /** Workers' statistics and configuration. */
  stats(): Promise<Answers<Readonly<Record<string, unknown>>>> {
    return this.#ask('stats')
  }
  /** The queues that are consumed. */
  activeQueues(): Promise<Answers<readonly Readonly<Record<string, unknown>>[]>> {
    return this.#ask('active_queues')
  }
  /** The state of tasks, by id: `['active' | 'reserved' | 'ready', what]`. */
  queryTask(
    ...ids: readonly string[]
  ): Promise<Answers<Readonly<Record<string, readonly [string, RequestInfo]>>>> {
    return this.#ask('query_task', { ids })
  }
  /** Settings, secrets masked. */
  conf(withDefaults = false): Promise<Answers<Readonly<Record<string, unknown>>>> {
    return this.#ask('conf', { with_defaults: withDefaults })
  }
  /** The information needed for a bug report. */
  report(): Promise<Answers<{ readonly ok: string }>> {
    return this.#ask('report')
  }
  /** Ids of revoked tasks. */
  revoked(): Promise<Answers<readonly string[]>> {
    return this.#ask('revoked')
  }
  /** Lamport clocks. */
  clock(): Promise<Answers<{ readonly clock: number }>> {
    return this.#ask('clock')
  }
  /** Resident memory. */
  memsample(): Promise<Answers<string>> {
    return this.#ask('memsample')
  }
  /** Calls a command of one's own. */
  command(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<Answers<unknown>> {
    return this.#ask(method, args)
  }

  async #ask<Answer>(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<Answers<Answer>> {
    // A node of another version may reply differently; the types describe Celery's and our replies.
    const { ask } = await fleet()
    return (await ask(this.#core, method, args, this.#options)) as Answers<Answer>
  }
}

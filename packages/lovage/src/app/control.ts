import type { CoordinationStore } from '../coordination/index.js'
import type { Clock } from '../kernel/index.js'
import type { ResultBackend } from '../result/index.js'
import type { RevokeOptions } from './async-result.js'
import { pausedQueues, pauseQueues, resumeQueues } from './pause.js'
import { setRate } from './rate.js'
import { revoke, revokeByStamps } from './revoke.js'

/** What control needs of its app. */
export interface ControlHost {
  readonly clock: Clock
  readonly hasResults: boolean
  readonly conf: { readonly workerRevokeExpires: number }
  coordination(): Promise<CoordinationStore>
  results(): Promise<ResultBackend>
}

/**
 * What operators do to a running cluster: `app.control`. Everything here is kept in the coordination store, so that it
 * holds for workers that start later, and through restarts.
 */
export class Control {
  readonly #host: ControlHost

  constructor(host: ControlHost) {
    this.#host = host
  }

  /**
   * Keeps tasks from running, whether or not a worker is up: they stand as REVOKED at once, and are dropped when their
   * message comes. With `terminate` they are stopped where they run.
   */
  revoke(ids: string | readonly string[], options: RevokeOptions = {}): Promise<void> {
    return revoke(this.#host, [ids].flat(), options)
  }
  /** Revokes every task that carries one of these stamps: `{ tenant: ['a', 'b'] }`. */
  revokeByStampedHeaders(
    stamps: Readonly<Record<string, string | readonly string[]>>,
    options: RevokeOptions = {},
  ): Promise<void> {
    return revokeByStamps(this.#host, stamps, options)
  }
  /**
   * Changes how often a task may run, in the whole cluster and until it is changed again: `10/s`, `10/m`, `10/h`, 0 = as
   * often as it can, null = as the task's own options say.
   * @throws {ConfigurationError} LVG_CONFIG_INVALID
   */
  rateLimit(task: string, rate: string | number | null): Promise<void> {
    return setRate(this.#host, task, rate)
  }
  /** Keeps all workers of the cluster from claiming from these queues, until `resumeQueues`. */
  pauseQueues(...queues: readonly string[]): Promise<void> {
    return pauseQueues(this.#host, queues)
  }
  /** Undoes a pause; tells how many of the queues were paused. */
  resumeQueues(...queues: readonly string[]): Promise<number> {
    return resumeQueues(this.#host, queues)
  }
  /** The queues that are paused, sorted. */
  pausedQueues(): Promise<readonly string[]> {
    return pausedQueues(this.#host)
  }
}

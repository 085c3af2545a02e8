import type { IncomingMessage, TaskHeaders } from '../message/index.js'

/** A task that this worker has seen and that waits for its ETA. */
export interface Waiting {
  readonly headers: TaskHeaders
  readonly queue: string
  /** Unix ms. */
  readonly untilMs: number
  /** undefined = it is long, and not kept here. */
  readonly message: IncomingMessage | undefined
}

const MOST = 1_000
const MOST_BYTES = 2_048

/**
 * Tasks that this worker has put aside until their ETA, the most recent ones: they wait in the broker, and only the fact that they were
 * seen is kept here. When such a task becomes due it has already been announced.
 */
export class PutAside {
  readonly #waiting = new Map<string, Waiting>()

  /** Remembers a task; false if it was remembered already. */
  add(headers: TaskHeaders, message: IncomingMessage | undefined, queue: string, untilMs: number): boolean {
    const key = keyOf(headers)
    const isNew = !this.#waiting.has(key)
    const isShort = message !== undefined && message.body.length <= MOST_BYTES
    this.#waiting.set(key, { headers, queue, untilMs, message: isShort ? message : undefined })
    if (this.#waiting.size > MOST) {
      const [oldest] = this.#waiting.keys()
      if (oldest !== undefined) this.#waiting.delete(oldest)
    }
    return isNew
  }

  /** Forgets a task that is due; false if it was not known. */
  take(headers: TaskHeaders): boolean {
    return headers.eta !== null && this.#waiting.delete(keyOf(headers))
  }

  /** Those that are not due yet. */
  list(nowMs: number): readonly Waiting[] {
    return [...this.#waiting.values()].filter(({ untilMs }) => untilMs > nowMs)
  }
}

/** A retry waits again, under the same id. */
const keyOf = ({ id, eta }: TaskHeaders): string => `${id} ${eta}`

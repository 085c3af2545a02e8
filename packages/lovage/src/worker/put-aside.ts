import type { IncomingMessage, TaskHeaders } from '../message/index.js'

/** A task that waits for its time since this worker has looked at it. */
export interface Waiting {
  readonly headers: TaskHeaders
  readonly queue: string
  /** Unix ms. */
  readonly untilMs: number
  /** undefined = it is long, and not kept here. */
  readonly message: IncomingMessage | undefined
}

const MOST = 5_000
const MOST_BYTES = 2_048

/**
 * Tasks that this worker has put aside until their time, the latest of them: they wait in the broker, and here is only known that they were
 * seen. One whose time comes has been told of already.
 */
export class PutAside {
  readonly #waiting = new Map<string, Waiting>()

  /** Remembers one; false when it was remembered already. */
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

  /** Forgets one whose time has come; false when it was not known. */
  take(headers: TaskHeaders): boolean {
    return headers.eta !== null && this.#waiting.delete(keyOf(headers))
  }

  /** Those whose time has not come. */
  list(nowMs: number): readonly Waiting[] {
    return [...this.#waiting.values()].filter(({ untilMs }) => untilMs > nowMs)
  }
}

/** A retry waits anew, under the same id. */
const keyOf = ({ id, eta }: TaskHeaders): string => `${id} ${eta}`

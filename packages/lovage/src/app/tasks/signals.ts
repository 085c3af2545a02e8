import type { Canvas } from '../../canvas/index.js'
import type { CallOptions } from './task-options.js'

/** Marks the ways in which a task may end on purpose, even across duplicate installations. */
const MARK = Symbol.for('lovage.task-signal')

/** How to retry; anything absent comes from the task. */
export interface RetryRequest
  extends Pick<
    CallOptions,
    | 'countdown'
    | 'eta'
    | 'expires'
    | 'queue'
    | 'exchange'
    | 'routingKey'
    | 'priority'
    | 'timeLimit'
    | 'softTimeLimit'
    | 'headers'
  > {
  /** The reason: stored with the RETRY state, and used as the failure when retries are exhausted. */
  readonly cause?: unknown
  /** null = for ever. */
  readonly maxRetries?: number | null
  /** Other positional arguments for the next run. */
  readonly args?: readonly unknown[]
  /** Other named arguments for the next run. */
  readonly kwargs?: Readonly<Record<string, unknown>>
}

/** What the ways in which a task may end on purpose have in common. */
export abstract class TaskSignal extends Error {
  abstract readonly kind: 'retry' | 'ignore' | 'reject' | 'replace'
  readonly [MARK] = true
}

/** Thrown by a task to be run again; created by `ctx.retry()`. */
export class Retry extends TaskSignal {
  readonly kind = 'retry'
  readonly request: RetryRequest

  constructor(request: RetryRequest = {}) {
    super('Task can be retried', request.cause === undefined ? undefined : { cause: request.cause })
    this.name = 'Retry'
    this.request = request
  }
}

/** Thrown by a task whose result must not be stored: it is acknowledged, and no state is written. */
export class Ignore extends TaskSignal {
  readonly kind = 'ignore'

  constructor(message = 'Task ignored itself') {
    super(message)
    this.name = 'Ignore'
  }
}

/** Thrown by a task to return its message, or to make it a dead letter. */
export class Reject extends TaskSignal {
  readonly kind = 'reject'
  /** Whether the message returns to its queue; otherwise it becomes a dead letter. */
  readonly requeue: boolean

  constructor(
    message = 'Task rejected its message',
    options: { readonly requeue?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Reject'
    this.requeue = options.requeue ?? false
  }
}

/** Thrown by a task to be replaced by other work; created by `ctx.replace()`. */
export class Replace extends TaskSignal {
  readonly kind = 'replace'
  /** The other work. @internal */
  readonly canvas: Canvas

  constructor(canvas: Canvas) {
    super('Task replaced itself')
    this.name = 'Replace'
    this.canvas = canvas
  }
}

/** A task that ends on purpose. */
export type Signal = Retry | Ignore | Reject | Replace

/** Whether something thrown is a signal rather than an error. */
export function isSignal(thrown: unknown): thrown is Signal {
  return typeof thrown === 'object' && thrown !== null && (thrown as Record<symbol, unknown>)[MARK] === true
}

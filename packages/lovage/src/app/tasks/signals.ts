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

/**
 * Thrown by a task to be run again; created by `ctx.retry()`.
 *
 * @example
 * const task = app.task({
 *   name: 'page.fetch',
 *   run: async (ctx, url: string) => {
 *     const response = await fetch(url)
 *     if (response.status === 429) throw ctx.retry({ countdown: 60 })
 *     return response.status
 *   },
 * })
 */
export class Retry extends TaskSignal {
  readonly kind = 'retry'
  readonly request: RetryRequest

  constructor(request: RetryRequest = {}) {
    super('Task can be retried', request.cause === undefined ? undefined : { cause: request.cause })
    this.name = 'Retry'
    this.request = request
  }
}

/**
 * Thrown by a task whose result must not be stored: it is acknowledged, and no state is written.
 *
 * @example
 * import { Ignore } from 'lovage'
 * const task = app.task({
 *   name: 'user.greet',
 *   run: (_ctx, name: string) => {
 *     if (name === '') throw new Ignore('there is nobody to greet')
 *     return `Hello ${name}`
 *   },
 * })
 */
export class Ignore extends TaskSignal {
  readonly kind = 'ignore'

  constructor(message = 'Task ignored itself') {
    super(message)
    this.name = 'Ignore'
  }
}

/**
 * Thrown by a task to return its message, or to make it a dead letter.
 *
 * @example
 * import { Reject } from 'lovage'
 * const task = app.task({
 *   name: 'import.rows',
 *   run: (_ctx, text: string) => {
 *     if (!text.startsWith('{')) throw new Reject('this is no JSON') // to the dead letters
 *   },
 * })
 */
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

/**
 * Thrown by a task to be replaced by other work; created by `ctx.replace()`.
 *
 * @example
 * const task = app.task({
 *   name: 'sum.all',
 *   run: (ctx, x: number) => {
 *     throw ctx.replace(add.s(x, 1))
 *   },
 * })
 */
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

import type { Broker, PublishTransaction, Queue } from '../../broker/index.js'
import type { OutgoingMessage } from '../../message/index.js'
import type { TaskContext } from './context.js'
import type { Outcome } from './outcome.js'

/** Continues with the next middleware, and finally with the wrapped operation itself. */
export type Next<In, Out> = (input: In) => Promise<Out>

/** Messages about to be published. */
export interface PublishContext {
  readonly messages: readonly OutgoingMessage[]
  readonly broker: Broker
  /** A transaction of the caller's in which they are written. */
  readonly transaction?: PublishTransaction
  /** Queues to declare when they are written in a transaction. */
  readonly queues?: readonly Queue[]
}

/** A task about to run. */
export interface RunContext {
  readonly context: TaskContext
}

/** The only hook that may wrap a task: it may inspect, change, measure and refuse. */
export interface Middleware {
  /** For error messages and operators. */
  readonly name: string
  /** Wraps publishing; messages may be replaced. */
  publish?(context: PublishContext, next: Next<PublishContext, void>): Promise<void>
  /** Wraps every run, including retries. Errors of the task have already become outcomes here. */
  run?(context: RunContext, next: Next<RunContext, Outcome>): Promise<Outcome>
  /**
   * Stands for `run` where that would only enter a scope: calls `work` in it and returns what that returns, without a promise of its
   * own. Undefined, with `work` not called: this task is for `run`.
   * @internal
   */
  enter?<Value>(context: RunContext, work: () => Value): Value | undefined
}

/** Composes wrappers, the first outermost. */
export function compose<In, Out>(
  wrappers: readonly ((input: In, next: Next<In, Out>) => Promise<Out>)[],
  core: Next<In, Out>,
): Next<In, Out> {
  return wrappers.reduceRight<Next<In, Out>>((next, wrapper) => (input) => wrapper(input, next), core)
}

import type { TaskContext } from './context.js'
import type { InputOf, OutputOf, Schema } from './schema.js'
import type { TaskHandlers } from './task-handlers.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** Names for a function's parameters, one each. */
export type NamesOf<Parameters extends readonly unknown[]> = { readonly [Place in keyof Parameters]: string }
/** The parameters of a task's function after the context. */
export type ArgumentsOf<Run> = Run extends (context: TaskContext, ...args: infer Args) => unknown
  ? Args
  : never
/** The same, in a form that a rest parameter accepts. */
export type KeyArgumentsOf<Run> = ArgumentsOf<Run> extends readonly unknown[] ? ArgumentsOf<Run> : never[]
/** The return value of a task's function. */
export type ResultOf<Run> = Run extends (...args: never[]) => infer Result ? Awaited<Result> : never

/** A task with positional arguments. */
export interface PositionalTask<Run> extends TaskOptions<KeyArgumentsOf<Run>>, TaskHandlers<ResultOf<Run>> {
  /** Registered name, the same in every language. */
  readonly name: string
  readonly input?: undefined
  /** Names of the parameters after the context: required for calls with keyword arguments. */
  readonly params?: NamesOf<ArgumentsOf<Run>>
  /** The work. An argument omitted by an untyped caller, such as Python, is `undefined` here; a task with `input` refuses such calls. */
  readonly run: Run
}

/** A task with named arguments. */
export interface NamedTask<Input extends Schema, Result>
  extends TaskOptions<[input: InputOf<Input>]>,
    TaskHandlers<Result> {
  /** Registered name, the same in every language. */
  readonly name: string
  /** Any Standard Schema, or `unchecked<T>()`. */
  readonly input: Input
  /** The fields that positional arguments fill, in order. */
  readonly params?: readonly (keyof InputOf<Input> & string)[]
  // Without a schema it takes anything, so that the compiler finds fault with the lack of a schema alone.
  readonly run: (
    context: TaskContext,
    input: Schema extends Input ? never : OutputOf<Input>,
  ) => Result | Promise<Result>
}

/** A call of a task that is known only by name. */
export interface UntypedCall extends CallOptions {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
}

import { taskNode } from '../../canvas/index.js'
import type { AsyncResult, EagerResult } from '../results/index.js'
import type { AnyTask, TaskDefinition } from './any-task.js'
import { bindNamed, bindPositional } from './arguments.js'
import type { Call } from './call.js'
import type { Caller } from './caller.js'
import { toWireOptions } from './canvas/call-options.js'
import { Signature } from './canvas/signature.js'
import type { GivenOf, LeadFor } from './canvas/types.js'
import { checkBulkCall, checkCall } from './check-options.js'
import type { TaskContext } from './context.js'
import { validate } from './schema.js'
import type { TaskHandlers } from './task-handlers.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** Positional arguments are a tuple type, named ones an object type; these are the arguments of `delay` for either. */
export type DelayArgs<Args> = Args extends readonly unknown[]
  ? Args
  : Record<never, never> extends Args
    ? [input?: Args]
    : [input: Args]

/** The arguments of `applyAsync`: the task's, which may be left out where it requires none, and options. */
export type ApplyArgs<Args> = (Args extends readonly unknown[] ? [] : Record<never, never>) extends Args
  ? [] | [args: Args, options?: CallOptions]
  : [args: Args, options?: CallOptions]

/** Number of messages of a bulk send in memory at once. */
const BULK = 5000

/** One of many calls in a bulk send; its own options win over those of all. */
export interface BulkCall<Args> {
  readonly args: Args | Readonly<Args>
  readonly options?: CallOptions
}

/**
 * A task that can be called; created by `app.task()`. `Args` is a tuple for positional arguments and an object
 * type for named ones.
 *
 * @example
 * const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y, queue: 'sums' })
 * await add.delay(2, 3)
 * await add.applyAsync([2, 3], { countdown: 60, priority: 9 })
 */
export class Task<Args, Result> implements AnyTask {
  /** @internal */
  readonly definition: TaskDefinition
  readonly #caller: Caller

  constructor(caller: Caller, definition: TaskDefinition) {
    this.#caller = caller
    this.definition = definition
  }

  /** The registered name. */
  get name(): string {
    return this.definition.name
  }
  /** Options with annotations and settings filled in. */
  get options(): TaskOptions {
    return this.definition.options
  }
  get handlers(): TaskHandlers {
    return this.definition.handlers
  }

  /**
   * Calls the task: resolves when the broker has the message.
   * @throws {TaskError} LVG_TASK_ARGUMENTS, before anything is sent.
   * @throws {MessageError} LVG_MESSAGE_UNSERIALISABLE with the path to the value.
   */
  delay(...args: DelayArgs<Args>): Promise<AsyncResult<Result>> {
    // A task has either a tuple or one object; `DelayArgs` allows nothing else.
    return this.#send(this.definition.input ? (args[0] ?? {}) : args, undefined)
  }

  /** Calls the task with options. Positional arguments are passed as a list, named ones as an object; a task that requires none may be called without. */
  applyAsync(...[args, options]: ApplyArgs<Args>): Promise<AsyncResult<Result>> {
    return this.#send(args ?? (this.definition.input ? {} : []), options)
  }

  /**
   * Calls the task many times in few round trips; all calls are checked before the first is sent.
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID naming the call.
   * @example
   * const people = ['ada@example.com', 'bob@example.com']
   * await mail.applyAsyncMany(people.map((to) => ({ args: [to], options: { priority: 5 } })))
   */
  async applyAsyncMany(
    calls: Iterable<BulkCall<Args>>,
    options: CallOptions = {},
  ): Promise<readonly AsyncResult<Result>[]> {
    const prepared: Call[] = []
    for (const one of calls) {
      checkBulkCall(this.name, one, prepared.length)
      prepared.push(await this.call(one.args, { ...options, ...one.options }))
    }
    const results: AsyncResult<unknown>[] = []
    for (let start = 0; start < prepared.length; start += BULK)
      results.push(...(await this.#caller.sendAll(prepared.slice(start, start + BULK))))
    // The host's results are of this task's type, because all calls are.
    return results as AsyncResult<Result>[]
  }

  /**
   * Returns a signature: a call that is not sent yet, with its last arguments given. As a step of a chain it takes the previous
   * result as its first argument. A task with named arguments takes some of its fields here.
   */
  s<Given extends GivenOf<Args>>(...given: Given): Signature<LeadFor<Args, Given>, Result> {
    return new Signature(this.#node(given, false), this.#caller)
  }
  /** Returns a complete signature, which takes nothing from the previous step. */
  si(...given: DelayArgs<Args>): Signature<readonly unknown[], Result> {
    return new Signature(this.#node(given, true), this.#caller)
  }

  /** Runs the task here and now, including retries, as eager mode does. */
  async apply(args: Args, options?: CallOptions): Promise<EagerResult<Result>> {
    return (await this.#caller.applyEagerly(this, await this.call(args, options))) as EagerResult<Result>
  }

  /** The result of an earlier call. */
  asyncResult(id: string): AsyncResult<Result> {
    // The caller vouches for the id.
    return this.#caller.asyncResult(id) as AsyncResult<Result>
  }

  /** A validated call, ready to be sent. @internal */
  call(args: unknown, options: CallOptions = {}): Call | Promise<Call> {
    const { name: task, own: defaults, input, params } = this.definition
    checkCall(task, options)
    if (!input)
      return {
        task,
        args: positional(task, args),
        kwargs: {},
        options,
        defaults,
        ...(params ? { params } : {}),
      }
    const checked = validate(input, args ?? {}, `Arguments of ${task}`)
    const toCall = (): Call => ({
      task,
      args: [],
      kwargs: { ...(args as Record<string, unknown>) },
      options,
      defaults,
    })
    return checked instanceof Promise ? checked.then(toCall) : toCall()
  }

  /**
   * Checks a message's arguments and returns those for `run`; for programs that take calls from outside, to refuse them at once. Throws a
   * TaskError (`LVG_TASK_ARGUMENTS`) that names what is wrong.
   */
  bind(
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ): readonly unknown[] | Promise<readonly unknown[]> {
    const { name: task, params, input, isRaw } = this.definition
    if (isRaw) return []
    if (!input) return bindPositional({ task, params }, args, kwargs)
    const checked = validate(input, bindNamed({ task, params }, args, kwargs), `Arguments of ${task}`)
    return checked instanceof Promise ? checked.then((value) => [value]) : [checked]
  }

  /** Calls the function itself. @internal */
  invoke(context: TaskContext, args: readonly unknown[]): unknown {
    const run = this.definition.run
    if (!run) throw new TypeError(`${this.name} is implemented elsewhere`)
    // `bind` has put the arguments into the function's shape.
    return run(context, ...(args as never[]))
  }

  #node(given: readonly unknown[], isImmutable: boolean) {
    const { name, input, run, own } = this.definition
    // A worker that does not know the contract could not tell where its task goes.
    const { queue, exchange, routingKey, priority }: TaskOptions = run ? {} : own
    const options = toWireOptions({
      ...(queue === undefined ? {} : { queue }),
      ...(exchange === undefined ? {} : { exchange }),
      ...(routingKey === undefined ? {} : { routingKey }),
      ...(priority === undefined ? {} : { priority }),
    })
    if (!input) return taskNode(name, given, {}, options, isImmutable)
    // A task with named arguments takes one object of them.
    const named = (given[0] ?? {}) as Readonly<Record<string, unknown>>
    return taskNode(name, [], { ...named }, options, isImmutable)
  }

  #send(args: unknown, options: CallOptions | undefined): Promise<AsyncResult<Result>> {
    try {
      const call = this.call(args, options)
      const sent =
        call instanceof Promise ? call.then((ready) => this.#caller.send(ready)) : this.#caller.send(call)
      // The host's result is of this task's type.
      return sent as Promise<AsyncResult<Result>>
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

function positional(task: string, args: unknown): readonly unknown[] {
  if (Array.isArray(args)) return args.length > 0 && args.at(-1) === undefined ? withoutEnd(args) : args
  throw new TypeError(`${task} takes its positional arguments as a list: applyAsync([…])`)
}

/** An optional argument that is given as undefined is one that is not given. */
function withoutEnd(args: readonly unknown[]): readonly unknown[] {
  return args.slice(0, args.findLastIndex((value) => value !== undefined) + 1)
}

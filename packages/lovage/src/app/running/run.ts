import { TaskError } from '../../kernel/index.js'
import {
  type ErrorMap,
  type ExceptionInfo,
  encodeJson,
  toExceptionInfo,
  tracebackOf,
} from '../../message/index.js'
import {
  type AnyTask,
  inContext,
  isSignal,
  type Outcome,
  pythonModule,
  Retry,
  type Signal,
  scrubError,
  TaskAbortedError,
  type TaskContext,
} from '../tasks/index.js'
import { runAbortable } from './abortable.js'
import { automaticRetry, isAnyOf, isAutoRetried, type RetryDice, retryDueMs } from './retry.js'

/**
 * Runs a task once and returns its outcome. Errors thrown by the task become outcomes here and only here; a
 * promise is returned only when the task returned one, because an unneeded await costs a turn of the loop.
 */
export function run(task: AnyTask, context: TaskContext, dice: () => RetryDice): Outcome | Promise<Outcome> {
  return task.options.abortable
    ? runAbortable(context, () => runOnce(task, context, dice))
    : runOnce(task, context, dice)
}

function runOnce(task: AnyTask, context: TaskContext, dice: () => RetryDice): Outcome | Promise<Outcome> {
  try {
    const value = inContext(context, () => execute(task, context))
    if (!(value instanceof Promise)) return succeed(task, context, value)
    return value
      .then((settled) => {
        const outcome = succeed(task, context, settled)
        const ended = context.endSteps()
        return ended ? ended.then(() => outcome) : outcome
      })
      .catch((thrown: unknown) => conclude(task, context, thrown, dice()))
  } catch (thrown) {
    return conclude(task, context, thrown, dice())
  }
}

function execute(task: AnyTask, context: TaskContext): unknown {
  const { around, beforeStart } = task.handlers
  const args = task.bind(context.args, context.kwargs)
  if (!around && !beforeStart && !(args instanceof Promise)) return task.invoke(context, args)
  const wrapped = async (): Promise<unknown> => {
    const bound = await args
    await beforeStart?.(context)
    const invoke = async (): Promise<unknown> => task.invoke(context, bound)
    return around ? around(context, invoke) : invoke()
  }
  return wrapped()
}

/** A value that cannot be serialised is a failure of the task that returned it, and so is a retry that was created but not thrown. */
function succeed(task: AnyTask, context: TaskContext, value: unknown): Outcome {
  // Returned where it should have been thrown: the intent is clear.
  if (isSignal(value)) throw value
  if (context.unthrown)
    throw new TaskError(
      `${task.name} called ctx.${context.unthrown}() without throwing the error that it returns: write \`throw ctx.${context.unthrown}(…)\`.`,
      { code: 'LVG_TASK_FAILED' },
    )
  const json = encodeJson(value ?? null, `result of ${task.name}`)
  return { kind: 'success', value: value ?? null, json }
}

function conclude(task: AnyTask, context: TaskContext, raw: unknown, dice: RetryDice): Outcome {
  const original = context.whyStopped(raw)
  if (isSignal(original)) return concludeSignal(task, context, original, dice)
  const thrown = scrubError(context, original)
  if (!(thrown instanceof TaskAbortedError) && isAutoRetried(task.options, thrown)) {
    return concludeRetry(
      task,
      context,
      new Retry(automaticRetry(task.options, context.retries, thrown, dice.random)),
      dice,
    )
  }
  return failure(task, thrown, context.errorClasses)
}

function concludeSignal(task: AnyTask, context: TaskContext, signal: Signal, dice: RetryDice): Outcome {
  switch (signal.kind) {
    case 'retry':
      return concludeRetry(task, context, signal, dice)
    case 'ignore':
      return { kind: 'ignore' }
    case 'replace':
      return { kind: 'replace', canvas: signal.canvas }
    case 'reject':
      return {
        kind: 'reject',
        requeue: signal.requeue,
        message: String(scrubError(context, signal.message)),
        traceback: describeError(scrubError(context, signal)).traceback,
      }
  }
}

function concludeRetry(task: AnyTask, context: TaskContext, { request }: Retry, dice: RetryDice): Outcome {
  const dueMs = retryDueMs(context, request, dice)
  if (dueMs === undefined)
    return failure(task, scrubError(context, request.cause ?? exhausted(context)), context.errorClasses)
  const described =
    request.cause === undefined
      ? null
      : describeError(scrubError(context, request.cause), context.errorClasses)
  return {
    kind: 'retry',
    dueMs,
    request,
    exception: described?.exception ?? null,
    traceback: described?.traceback ?? null,
  }
}

/** The outcome of an error, including errors from outside the function: a limit, a lost worker. */
export function failure(task: Pick<AnyTask, 'options'>, error: unknown, classes?: ErrorMap): Outcome {
  const { exception, traceback } = describeError(error, classes)
  return { kind: 'failure', error, exception, traceback, expected: isAnyOf(task.options.throws, error) }
}

function exhausted(context: TaskContext): TaskError {
  const { argsrepr, kwargsrepr } = context.wireHeaders
  // Celery's name and text, so that a search for them finds it.
  const error = new TaskError(
    `Can't retry ${context.name}[${context.id}] args:${argsrepr} kwargs:${kwargsrepr}`,
    { code: 'LVG_TASK_MAX_RETRIES' },
  )
  error.name = 'MaxRetriesExceededError'
  return error
}

function describeError(
  error: unknown,
  classes?: ErrorMap,
): { readonly exception: ExceptionInfo; readonly traceback: string } {
  const exception = classes?.describe(error) ?? toExceptionInfo(error)
  const module = pythonModule(error)
  return {
    exception: module === undefined ? exception : { ...exception, exc_module: module },
    traceback: tracebackOf(error),
  }
}

import { isLovageError } from '../../kernel/index.js'
import type { ErrorClass, RetryRequest, TaskContext, TaskOptions } from '../tasks/index.js'

/** Celery's: seconds between tries when nothing else is set. */
const DEFAULT_RETRY_DELAY = 180
const DEFAULT_BACKOFF_MAX = 600

/** The inputs of a retry decision apart from the task: the time and a random number. */
export interface RetryDice {
  readonly nowMs: number
  /** From 0 up to 1. */
  readonly random: () => number
}

/** Whether an error is retried automatically. Invalid arguments never are: they will be invalid next time too. */
export function isAutoRetried(options: TaskOptions, error: unknown): boolean {
  if (isLovageError(error) && error.code === 'LVG_TASK_ARGUMENTS') return false
  return isAnyOf(options.autoretryFor, error) && !isAnyOf(options.dontAutoretryFor, error)
}

/** Whether an error is an instance of one of the classes. */
export function isAnyOf(classes: readonly ErrorClass[] | undefined, error: unknown): boolean {
  return classes?.some((errorClass) => error instanceof errorClass) ?? false
}

/** The retry request of an automatic retry: backoff if the task has one, else its fixed delay. */
export function automaticRetry(
  options: TaskOptions,
  retries: number,
  cause: unknown,
  random: () => number,
): RetryRequest {
  const countdown =
    options.retryOptions?.countdown ??
    (options.retryBackoff ? backoffSeconds(options, retries, random) : undefined)
  return { cause, ...options.retryOptions, ...(countdown === undefined ? {} : { countdown }) }
}

/** Seconds before retry number `retries` + 1: `min(max, factor · 2^retries)`, then jitter. */
export function backoffSeconds(options: TaskOptions, retries: number, random: () => number): number {
  const factor = options.retryBackoff === true ? 1 : Math.max(Number(options.retryBackoff ?? 1), 0)
  const ceiling = Math.min(options.retryBackoffMax ?? DEFAULT_BACKOFF_MAX, factor * 2 ** retries)
  const jitter = options.retryJitter ?? true
  if (jitter === false) return ceiling
  if (jitter === 'equal') return ceiling / 2 + (random() * ceiling) / 2
  if (typeof jitter === 'number') return ceiling * (1 + jitter * (2 * random() - 1))
  return ceiling * random()
}

/** When the next run is due, or undefined when retries are exhausted. */
export function retryDueMs(
  context: Pick<TaskContext, 'retries' | 'task'>,
  request: RetryRequest,
  dice: RetryDice,
): number | undefined {
  const { options } = context.task
  const maxRetries =
    request.maxRetries === undefined
      ? options.maxRetries === undefined
        ? 3
        : options.maxRetries
      : request.maxRetries
  if (maxRetries !== null && context.retries >= maxRetries) return undefined
  if (request.eta) return request.eta.getTime()
  return dice.nowMs + (request.countdown ?? options.defaultRetryDelay ?? DEFAULT_RETRY_DELAY) * 1000
}

import { ConfigurationError, nearest } from '../../kernel/index.js'
import type { UntypedCall } from './definitions.js'
import { checkGuards } from './guard-options.js'
import type { TaskHandlers } from './task-handlers.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** Each name once: the compiler ensures that none is missing. */
const TASK_OPTIONS: Readonly<Record<keyof TaskOptions | keyof TaskHandlers, true>> = {
  maxRetries: true,
  defaultRetryDelay: true,
  autoretryFor: true,
  dontAutoretryFor: true,
  retryBackoff: true,
  retryBackoffMax: true,
  retryJitter: true,
  retryOptions: true,
  throws: true,
  queue: true,
  exchange: true,
  routingKey: true,
  priority: true,
  expires: true,
  serializer: true,
  compression: true,
  timeLimit: true,
  softTimeLimit: true,
  rateLimit: true,
  rateLimitScope: true,
  concurrencyLimit: true,
  ignoreResult: true,
  storeErrorsEvenIfIgnored: true,
  trackStarted: true,
  abortable: true,
  acksLate: true,
  acksOnFailureOrTimeout: true,
  acksOnFailure: true,
  acksOnTimeout: true,
  rejectOnWorkerLost: true,
  resultReprMaxSize: true,
  redact: true,
  deadLetter: true,
  errback: true,
  unique: true,
  throttle: true,
  debounce: true,
  keepLatest: true,
  circuitBreaker: true,
  around: true,
  beforeStart: true,
  onSuccess: true,
  onRetry: true,
  onFailure: true,
  onReplace: true,
  afterReturn: true,
}
const CALL_OPTIONS: Readonly<Record<keyof CallOptions, true>> = {
  countdown: true,
  eta: true,
  expires: true,
  taskId: true,
  queue: true,
  exchange: true,
  routingKey: true,
  priority: true,
  serializer: true,
  compression: true,
  timeLimit: true,
  softTimeLimit: true,
  headers: true,
  shadow: true,
  argsrepr: true,
  kwargsrepr: true,
  ignoreResult: true,
  retry: true,
  retryPolicy: true,
  deliveryMode: true,
  replyTo: true,
  rootId: true,
  parentId: true,
  groupId: true,
  groupIndex: true,
  retries: true,
  once: true,
  delay: true,
  transaction: true,
}

/** @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID */
export function checkTask(name: unknown, run: unknown, options: object): void {
  if (typeof name !== 'string' || name === '') throw invalid('A task needs a name, such as `shop.charge`.')
  if (run !== undefined && typeof run !== 'function') throw invalid(`${name}: run is not a function.`)
  for (const option of Object.keys(options))
    if (!Object.hasOwn(TASK_OPTIONS, option)) throw unknown(`Task ${name}`, option, TASK_OPTIONS)
  checkValues(`Task ${name}`, options)
  checkGuards(`Task ${name}`, options)
}

/** Option names that Celery's users reach for, and their equivalents here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  args: 'Arguments are the first parameter: task.applyAsync([1, 2], { … }).',
  kwargs:
    'A task with `input` takes its named arguments as one object; app.sendTask(name, { kwargs }) takes any.',
  link: 'Callbacks are given to signatures: task.s(…).link(other.s()).',
  linkError: 'Errbacks are given to signatures: task.s(…).linkError(other.s()).',
  producer: 'Calls share one connection automatically.',
  connection: 'Calls share one connection automatically.',
  retryKwargs: 'Set maxRetries and defaultRetryDelay directly.',
  bind: 'Every function gets its context as its first parameter.',
  base: 'Options and handlers that tasks share are an object: { ...shared, name, run }.',
  time_limit: 'Options are in camelCase here: timeLimit.',
  // BullMQ's words.
  attempts: 'Retries are options of the task: maxRetries, with autoretryFor and retryBackoff.',
  backoff: 'Retries are options of the task: retryBackoff and retryBackoffMax, in seconds.',
  jobId: 'The id of a call is taskId; once: { key, ttlMs } drops a second call with the same key.',
  lifo: 'A call that goes first has a higher priority: priority: 9.',
  removeOnComplete:
    'Results expire by themselves: resultExpires in seconds, a setting; or ignoreResult: true.',
  removeOnFail: 'Results expire by themselves: resultExpires in seconds, a setting.',
  repeat: 'Periodic tasks are entries of the schedule: app.addPeriodicTask(crontab({ hour: 2 }), task).',
  deduplication: 'Declare it at the task (unique, throttle, debounce), or say once: { key, ttlMs }.',
  // pg-boss's and graphile-worker's words.
  startAfter: 'Say countdown in seconds, or eta, a Date.',
  runAt: 'Say eta, a Date, or countdown in seconds.',
  singletonKey: 'Say once: { key, ttlMs }, or declare unique at the task.',
  jobKey: 'Say once: { key, ttlMs }, or declare unique at the task.',
  maxAttempts: 'Retries are options of the task: maxRetries, one less than the attempts.',
  retryLimit: 'Retries are options of the task: maxRetries.',
  retryDelay: 'Retries are options of the task: defaultRetryDelay in seconds.',
  expireInSeconds: 'A limit for the run is timeLimit; a call that is not worth running later has expires.',
  timeout: 'A limit for the run is timeLimit in seconds; waiting has one in result.get({ timeout }).',
  concurrency: 'Slots belong to the worker (-c, workerConcurrency); a task has concurrencyLimit.',
  limiter: 'A task has rateLimit (10/s, 10/m, 10/h) and concurrencyLimit.',
}

/** @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID */
export function checkCall(task: string, options: CallOptions): void {
  let isEmpty = true
  for (const option in options) {
    isEmpty = false
    if (!Object.hasOwn(CALL_OPTIONS, option)) throw unknown(`A call of ${task}`, option, CALL_OPTIONS)
    checkPlain(task, option, options[option as keyof CallOptions])
  }
  if (!isEmpty) checkValues(`A call of ${task}`, options)
  if (options.delay !== undefined && options.delay !== 'wire' && options.delay !== 'store')
    throw new ConfigurationError(
      `A call of ${task}: delay is 'wire' or 'store', where a call with an ETA waits, not ${JSON.stringify(options.delay)}.`,
      { code: 'LVG_CONFIG_INVALID', hint: 'To run it later, say countdown in seconds: countdown: 5.' },
    )
}

/** What the plain options of a call hold, as `typeof` tells. */
const PLAIN = {
  taskId: 'string',
  exchange: 'string',
  routingKey: 'string',
  serializer: 'string',
  compression: 'string',
  shadow: 'string',
  argsrepr: 'string',
  kwargsrepr: 'string',
  replyTo: 'string',
  rootId: 'string',
  parentId: 'string',
  groupId: 'string',
  groupIndex: 'number',
  retries: 'number',
  timeLimit: 'number',
  softTimeLimit: 'number',
  ignoreResult: 'boolean',
  retry: 'boolean',
} as const satisfies Partial<Record<keyof CallOptions, string>>

function checkPlain(task: string, option: string, value: unknown): void {
  if (value === undefined || value === null || !Object.hasOwn(PLAIN, option)) return
  const expected = PLAIN[option as keyof typeof PLAIN]
  if (typeof value !== expected)
    throw invalid(`A call of ${task}: ${option} must be a ${expected}, not ${JSON.stringify(value)}.`)
}

/** @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID for one of many calls that has other fields than args and options. */
export function checkBulkCall(task: string, call: unknown, place: number): void {
  const whose = `Call ${place} of ${task}`
  if (typeof call !== 'object' || call === null || Array.isArray(call))
    throw invalid(`${whose} is one object, { args: […], options: { … } }.`)
  for (const field of Object.keys(call)) {
    if (field === 'args' || field === 'options') continue
    const isOption = Object.hasOwn(CALL_OPTIONS, field)
    throw new ConfigurationError(`${whose} has no field ${field}; it has args and options.`, {
      code: 'LVG_CONFIG_UNKNOWN',
      details: { field },
      ...(isOption ? { hint: `It is one of its options: { args: […], options: { ${field}: … } }.` } : {}),
    })
  }
  const { options } = call as { readonly options?: unknown }
  if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options)))
    throw invalid(`${whose}: options is no object.`)
}

/**
 * A call of a task that is known only by name.
 * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID
 */
export function checkUntypedCall(task: string, call: UntypedCall): UntypedCall {
  const isCall = typeof call === 'object' && call !== null && !Array.isArray(call)
  if (!isCall) throw invalid(`A call of ${task} is one object, { args: […], kwargs: { … }, countdown: 3 }.`)
  const { args, kwargs, ...options } = call
  if (args !== undefined && !Array.isArray(args)) throw invalid(`A call of ${task}: args is not a list.`)
  if (kwargs !== undefined && (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs)))
    throw invalid(`A call of ${task}: kwargs is not an object.`)
  checkCall(task, options)
  return call
}

function checkValues(
  whose: string,
  { priority, queue, countdown, eta }: Pick<CallOptions, 'priority' | 'queue' | 'countdown' | 'eta'>,
): void {
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 10))
    throw invalid(
      `${whose}: priority must be a whole number from 0 to 9 (10 counts as 9), higher first, not ${priority}.`,
    )
  if (queue === '') throw invalid(`${whose}: queue is empty.`)
  if (countdown !== undefined && !Number.isFinite(countdown))
    throw invalid(`${whose}: countdown must be a number of seconds, not ${countdown}.`)
  if (eta !== undefined && !(eta instanceof Date && Number.isFinite(eta.getTime())))
    throw invalid(`${whose}: eta must be a Date, not ${JSON.stringify(eta)}.`)
}

function unknown(whose: string, option: string, known: Readonly<Record<string, true>>): ConfigurationError {
  const near = nearest(option, Object.keys(known))
  return new ConfigurationError(`${whose} has no option ${option}${near ? `; did you mean ${near}?` : '.'}`, {
    code: 'LVG_CONFIG_UNKNOWN',
    details: { option },
    ...(ELSEWHERE[option] === undefined ? {} : { hint: ELSEWHERE[option] }),
  })
}

const invalid = (message: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID' })

import { ConfigurationError, described, nearest } from '../../kernel/index.js'
import type { UntypedCall } from './definitions.js'
import { checkGuards } from './guard-options.js'
import { CALL_OPTIONS, type OptionKind, TASK_OPTIONS } from './option-kinds.js'
import type { CallOptions } from './task-options.js'

/** @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID */
export function checkTask(name: unknown, run: unknown, options: object): void {
  if (typeof name !== 'string' || name === '')
    throw new ConfigurationError('A task needs a name, such as `shop.charge`.', {
      code: 'LVG_CONFIG_INVALID',
      hint: "A task is one object: app.task({ name: 'shop.charge', run: (ctx, order) => … }).",
    })
  if (typeof run !== 'function')
    throw new ConfigurationError(`Task ${name}: run is not a function.`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'A task that is implemented elsewhere is declared with app.remote({ name }).',
    })
  checkOptions(`Task ${name}`, options, TASK_OPTIONS)
  checkGuards(`Task ${name}`, options)
}

/**
 * Options that an operator sets for a task (`taskAnnotations`).
 * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN, LVG_CONFIG_INVALID
 */
export function checkAnnotation(task: string, options: object): void {
  checkOptions(`taskAnnotations of ${task}`, options, TASK_OPTIONS)
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
  checkOptions(`A call of ${task}`, options, CALL_OPTIONS)
}

/** Every call comes here: an option costs one look. */
function checkOptions(whose: string, options: object, known: Readonly<Record<string, OptionKind>>): void {
  for (const option in options) {
    if (!Object.hasOwn(known, option)) throw unknown(whose, option, known)
    const value = (options as Readonly<Record<string, unknown>>)[option]
    const kind = known[option]
    if (value === undefined || value === null || kind === undefined || kind.accepts(value)) {
      if (option === 'queue' && value === '') throw invalid(`${whose}: queue is empty.`)
      continue
    }
    throw new ConfigurationError(`${whose}: ${option} must be ${kind.expects}, not ${described(value)}.`, {
      code: 'LVG_CONFIG_INVALID',
      details: { option },
      ...(option === 'delay' ? { hint: 'To run it later, say countdown in seconds: countdown: 5.' } : {}),
    })
  }
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

function unknown(
  whose: string,
  option: string,
  known: Readonly<Record<string, OptionKind>>,
): ConfigurationError {
  const names = Object.keys(known)
  // Python's spelling of a word is the same word.
  const elsewhere =
    ELSEWHERE[option] ?? ELSEWHERE[option.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]
  const near = elsewhere === undefined ? nearest(option, names) : undefined
  return new ConfigurationError(`${whose} has no option ${option}${near ? `; did you mean ${near}?` : '.'}`, {
    code: 'LVG_CONFIG_UNKNOWN',
    details: { option },
    hint: elsewhere ?? (near ? 'Check the spelling.' : `Its options are ${names.join(', ')}.`),
  })
}

const invalid = (message: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID' })

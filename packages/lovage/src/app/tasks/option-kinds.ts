import {
  BOOLEAN,
  FROM_0,
  inCode,
  type Kind,
  oneOf,
  PRIORITY,
  RATE,
  SECONDS,
  SECONDS_FROM_NOW,
  TEXT,
  whole,
} from '../../kernel/index.js'
import { COMPRESSION } from '../../message/index.js'
import type { TaskHandlers } from './task-handlers.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** What an option takes; null, Celery's None, is as good as none. */
export type OptionKind = Pick<Kind<unknown>, 'expects' | 'accepts'>

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const COUNT = whole(0)
/** Whether it is of this kind, or left out. */
const isLeftOutOr = (value: unknown, kind: OptionKind): boolean =>
  value === undefined || value === null || kind.accepts(value)
const SOME = whole(1)

/** Either of two. */
const or = (expects: string, ...kinds: readonly OptionKind[]): OptionKind => ({
  expects,
  accepts: (value) => kinds.some((kind) => kind.accepts(value)),
})
const OBJECT = inCode('an object', isObject)
const FUNCTION = inCode('a function', (value) => typeof value === 'function')
const ERROR_CLASSES = inCode(
  'a list of error classes, such as [RangeError]',
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'function'),
)
const NAMES = inCode(
  'a list of names',
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
)
const SWITCH_OR_OBJECT = or('true, false or an object', BOOLEAN, OBJECT)
/** Checked together with the other guards. */
const PERIOD = or(
  'a number of seconds, or an object with `seconds`',
  inCode('', (value) => typeof value === 'number'),
  OBJECT,
)
const SERIALIZER = oneOf('json', 'msgpack', 'yaml', 'auth', 'encrypted')
const DATE = inCode('', (value) => value instanceof Date && Number.isFinite(value.getTime()))

/** The options that tasks and calls share. */
const SHARED = {
  exchange: TEXT,
  routingKey: TEXT,
  priority: PRIORITY,
  compression: COMPRESSION,
  timeLimit: SECONDS,
  softTimeLimit: SECONDS,
  ignoreResult: BOOLEAN,
} as const

/** Each option of a task; the compiler ensures that none is missing. */
export const TASK_OPTIONS: Readonly<Record<keyof TaskOptions | keyof TaskHandlers, OptionKind>> = {
  ...SHARED,
  maxRetries: { ...COUNT, expects: `${COUNT.expects}, or null for no limit` },
  defaultRetryDelay: SECONDS,
  autoretryFor: ERROR_CLASSES,
  dontAutoretryFor: ERROR_CLASSES,
  retryBackoff: or('true, false or a number of seconds, 0 or more', BOOLEAN, SECONDS),
  retryBackoffMax: SECONDS,
  retryJitter: or(
    "true, false, 'full', 'equal' or a number, 0 or more",
    BOOLEAN,
    oneOf('full', 'equal'),
    FROM_0,
  ),
  retryOptions: inCode(
    'an object with `countdown`, a number of seconds, and `maxRetries`, a whole number, each 0 or more',
    (value) =>
      isObject(value) && isLeftOutOr(value.countdown, SECONDS) && isLeftOutOr(value.maxRetries, COUNT),
  ),
  throws: ERROR_CLASSES,
  queue: TEXT,
  expires: SECONDS,
  serializer: SERIALIZER,
  rateLimit: RATE,
  rateLimitScope: oneOf('cluster', 'worker'),
  concurrencyLimit: inCode(
    'a whole number, 1 or more, or an object with such a `limit` and a function `key`',
    (value) =>
      SOME.accepts(value) || (isObject(value) && SOME.accepts(value.limit) && FUNCTION.accepts(value.key)),
  ),
  storeErrorsEvenIfIgnored: BOOLEAN,
  trackStarted: BOOLEAN,
  abortable: BOOLEAN,
  acksLate: BOOLEAN,
  acksOnFailureOrTimeout: BOOLEAN,
  acksOnFailure: BOOLEAN,
  acksOnTimeout: BOOLEAN,
  rejectOnWorkerLost: BOOLEAN,
  resultReprMaxSize: COUNT,
  redact: or('true, false or a list of names', BOOLEAN, NAMES),
  deadLetter: oneOf('rejects', 'exhausted', 'failures', 'never'),
  errback: oneOf('message', 'inline'),
  unique: SWITCH_OR_OBJECT,
  throttle: PERIOD,
  debounce: PERIOD,
  keepLatest: SWITCH_OR_OBJECT,
  circuitBreaker: SWITCH_OR_OBJECT,
  around: FUNCTION,
  beforeStart: FUNCTION,
  onSuccess: FUNCTION,
  onRetry: FUNCTION,
  onFailure: FUNCTION,
  onReplace: FUNCTION,
  afterReturn: FUNCTION,
}

/** Each option of a call. */
export const CALL_OPTIONS: Readonly<Record<keyof CallOptions, OptionKind>> = {
  ...SHARED,
  countdown: SECONDS_FROM_NOW,
  eta: { ...DATE, expects: 'a Date' },
  expires: or('a Date or a number of seconds', DATE, SECONDS_FROM_NOW),
  taskId: TEXT,
  queue: or('the name of a queue, or an object with its `name`', TEXT, OBJECT),
  serializer: TEXT,
  headers: OBJECT,
  shadow: TEXT,
  argsrepr: TEXT,
  kwargsrepr: TEXT,
  retry: BOOLEAN,
  retryPolicy: inCode(
    'an object of numbers, 0 or more',
    (value) => isObject(value) && Object.values(value).every((one) => isLeftOutOr(one, FROM_0)),
  ),
  deliveryMode: inCode('1 (transient) or 2 (persistent)', (value) => value === 1 || value === 2),
  replyTo: TEXT,
  rootId: TEXT,
  parentId: TEXT,
  groupId: TEXT,
  groupIndex: COUNT,
  retries: COUNT,
  once: inCode(
    'an object with a text `key` and a number `ttlMs` above 0',
    (value) =>
      isObject(value) && typeof value.key === 'string' && typeof value.ttlMs === 'number' && value.ttlMs > 0,
  ),
  delay: inCode(
    "'wire' or 'store', where a call with an ETA waits",
    (value) => value === 'wire' || value === 'store',
  ),
  transaction: inCode(
    'an object with a function `query`',
    (value) => typeof value === 'object' && value !== null && 'query' in value,
  ),
}

import { isLovageError } from 'lovage'

/** Codes of errors that whoever asks can mend; others are matters of servers and settings. */
const CODES: ReadonlySet<string> = new Set([
  'LVG_CANVAS_INVALID',
  'LVG_CAPABILITY_MISSING',
  'LVG_CONFIG_INVALID',
  'LVG_DEAD_LETTER_NOT_FOUND',
  'LVG_DEAD_LETTER_UNREADABLE',
  'LVG_MESSAGE_INTEGER_RANGE',
  'LVG_MESSAGE_TOO_LARGE',
  'LVG_MESSAGE_UNROUTABLE',
  'LVG_MESSAGE_UNSERIALISABLE',
  'LVG_MESSAGE_UNSUPPORTED',
  'LVG_QUEUE_NOT_FOUND',
  'LVG_RESULT_DISABLED',
  'LVG_SCHEDULE_INVALID',
  'LVG_TASK_ARGUMENTS',
  'LVG_TASK_NOT_REGISTERED',
  'LVG_WEBHOOK_CONFLICT',
  'LVG_WEBHOOK_INVALID',
  'LVG_WEBHOOK_NOT_FOUND',
  'LVG_WEBHOOK_STATE',
])

/** Whether an error means that the request is wrong, not that a server is away or fails. */
export const isWrongRequest = (error: unknown): error is Error =>
  isLovageError(error) && CODES.has(error.code)

/** Custom header: the number of times operators have redriven the task from the dead letters. */
export const REDRIVES_HEADER = 'x-lovage-redrives'
/** Custom header: the errors of earlier attempts, oldest first. */
export const ATTEMPTS_HEADER = 'x-lovage-attempts'

/** A failed attempt at a task. */
export interface FailedAttempt {
  readonly type: string
  readonly message: string
  readonly traceback: string | null
  /** Unix ms. */
  readonly atMs: number
}

/** Limits message size: of many attempts the first and the latest are kept, and of long texts the beginning. */
const MOST_ATTEMPTS = 10
const LONGEST_MESSAGE = 500
const LONGEST_TRACEBACK = 2000

/** The number of times a message has been redriven. */
export function redrivesOf(headers: Readonly<Record<string, unknown>>): number {
  const redrives = headers[REDRIVES_HEADER]
  return typeof redrives === 'number' && Number.isSafeInteger(redrives) && redrives > 0 ? redrives : 0
}

/** The failed attempts recorded in a message, oldest first. Headers are untrusted: anything that is not an attempt is left out. */
export function attemptsOf(headers: Readonly<Record<string, unknown>>): readonly FailedAttempt[] {
  const attempts = headers[ATTEMPTS_HEADER]
  return Array.isArray(attempts) ? attempts.flatMap(readAttempt) : []
}

/** The headers with one more failed attempt recorded. */
export function withAttempt(
  headers: Readonly<Record<string, unknown>>,
  attempt: FailedAttempt,
): Readonly<Record<string, unknown>> {
  const { type, message, traceback, atMs } = attempt
  const short: FailedAttempt = {
    type,
    message: message.slice(0, LONGEST_MESSAGE),
    // In Python's order, the end of a traceback says most.
    traceback: traceback === null ? null : traceback.slice(-LONGEST_TRACEBACK),
    atMs,
  }
  const all = [...attemptsOf(headers), short]
  return {
    [ATTEMPTS_HEADER]:
      all.length <= MOST_ATTEMPTS ? all : [...all.slice(0, 1), ...all.slice(1 - MOST_ATTEMPTS)],
  }
}

function readAttempt(value: unknown): readonly FailedAttempt[] {
  if (typeof value !== 'object' || value === null) return []
  const { type, message, traceback, atMs } = value as Readonly<Record<string, unknown>>
  if (typeof type !== 'string' || typeof message !== 'string') return []
  return [
    {
      type,
      message,
      traceback: typeof traceback === 'string' ? traceback : null,
      atMs: typeof atMs === 'number' && Number.isFinite(atMs) ? atMs : 0,
    },
  ]
}

import { delay, isLovageError, type Logger, systemClock } from '../../kernel/index.js'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
/** How long a closing consumer keeps trying to publish follow-up messages. */
const LAST_TRIES_MS = 5_000
/** Errors after which the server may accept the message a little later. */
const PASSING: ReadonlySet<string> = new Set([
  'LVG_CONNECTION_FAILED',
  'LVG_RABBITMQ_REFUSED',
  // Published again under its id: a task's follow-up messages are repeated rather than lost.
  'LVG_PUBLISH_UNCERTAIN',
])

/** The stage of a consumer's life. */
export type ConsumerState = 'consuming' | 'paused' | 'closed'

/**
 * Retries until the server has it; the message being settled is held meanwhile. False when its consumer ends before that: the message was
 * not acknowledged, so the server delivers it to another consumer.
 */
export async function persist(
  work: () => Promise<void>,
  stateOf: () => ConsumerState,
  logger: Logger,
): Promise<boolean> {
  let endMs = Number.POSITIVE_INFINITY
  for (let pauseMs = FIRST_PAUSE_MS; Date.now() < endMs; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      await work()
      return true
    } catch (error) {
      if (!isLovageError(error) || !PASSING.has(error.code)) throw error
      logger.debug({ err: error }, 'could not publish the continuation; retrying')
      await delay(systemClock, pauseMs)
    }
    const state = stateOf()
    if (state === 'closed') return false
    if (state === 'paused') endMs = Math.min(endMs, Date.now() + LAST_TRIES_MS)
  }
  return false
}

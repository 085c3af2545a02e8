import type { Logger } from '../../kernel/index.js'
import type { IncomingMessage } from '../../message/index.js'

/** A listener to messages of an exchange. */
export type Hear = (message: IncomingMessage) => void

/**
 * A listener whose errors are logged and end only that call: later messages and other listeners are not affected.
 *
 * @example
 * import { type Hear, safeListener } from 'lovage/driver'
 * import type { Logger } from 'lovage'
 * const guarded = (hear: Hear, logger: Logger) => safeListener('celery.pidbox', hear, logger)
 */
export function safeListener(exchange: string, on: Hear, logger: Logger): Hear {
  return (message) => {
    try {
      on(message)
    } catch (error) {
      logger.error({ err: error, exchange }, 'a listener failed')
    }
  }
}

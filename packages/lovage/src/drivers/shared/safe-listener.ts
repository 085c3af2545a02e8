import type { Logger } from '../../kernel/index.js'
import type { IncomingMessage } from '../../message/index.js'

/** Hears messages of an exchange. */
export type Hear = (message: IncomingMessage) => void

/** A listener whose errors are logged and end nothing but that call: the next message is heard, and the other listeners are. */
export function safeListener(exchange: string, on: Hear, logger: Logger): Hear {
  return (message) => {
    try {
      on(message)
    } catch (error) {
      logger.error({ err: error, exchange }, 'a listener failed')
    }
  }
}

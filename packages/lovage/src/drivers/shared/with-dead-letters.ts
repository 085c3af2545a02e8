import type { Broker, Consumer, Settlement } from '../../broker/index.js'
import { isRejection, type OpenDeadLetterStore } from '../../dead-letter/index.js'
import { type Clock, delay, isLovageError, type Logger } from '../../kernel/index.js'
import { delegate } from './delegate.js'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

/** A broker whose dead letters are stored elsewhere (`deadLetterUrl`). */
export function withDeadLetters(broker: Broker, letters: OpenDeadLetterStore): Broker {
  return {
    ...delegate(broker),
    deadLetters: letters,
    consume: async (options) => keepingLetters(await broker.consume(options), letters, options),
    async close() {
      await broker.close()
      await letters.close()
    },
  }
}

/**
 * Stores letters first and acknowledges after: a crash in between, or an unavailable store, repeats the settlement under the same id
 * and loses nothing. The claims are held and renewed meanwhile.
 */
function keepingLetters(
  consumer: Consumer,
  letters: OpenDeadLetterStore,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Consumer {
  let isClosed = false
  const { releaseDead } = consumer
  const store = async (settlements: readonly Settlement[]): Promise<void> => {
    const mine = settlements.flatMap((one) => (one.kind === 'dead-letter' ? [one.letter] : []))
    for (let pauseMs = FIRST_PAUSE_MS; mine.length > 0; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await letters.add(mine)
      } catch (error) {
        const isAway = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
        if (!isAway || isClosed) throw error
        logger.error({ err: error, pause_ms: pauseMs }, 'could not store dead letters; retrying')
        await delay(clock, pauseMs)
      }
    }
  }
  return {
    settlesResults: consumer.settlesResults,
    async settle(settlements) {
      await store(settlements)
      return consumer.settle(settlements.map(asAck))
    },
    demand: () => consumer.demand(),
    ...(releaseDead ? { releaseDead: (holders) => releaseDead.call(consumer, holders) } : {}),
    setQueues: (queues) => consumer.setQueues(queues),
    pause: () => consumer.pause(),
    close() {
      isClosed = true
      return consumer.close()
    },
  }
}

function asAck(settlement: Settlement): Settlement {
  if (settlement.kind !== 'dead-letter') return settlement
  const { letter, ...rest } = settlement
  return { ...rest, kind: 'ack', rejected: isRejection(letter) }
}

import type { AppCore } from '../app/core/index.js'
import type { Broker } from '../broker/index.js'
import { delay, isLovageError, messageOf } from '../kernel/index.js'

const FIRST_PAUSE_S = 2
const LONGEST_PAUSE_S = 30

/** A broker that answers, and what it advises its operator to change. */
export interface ConnectedBroker {
  readonly broker: Broker
  readonly advice: readonly string[]
}

/**
 * Connects before the worker consumes. A broker that cannot be reached is tried again after 2, 4, 6 … 30 seconds, one
 * line a try, as `brokerConnectionRetryOnStartup` and `brokerConnectionMaxRetries` say; a refusal is final.
 *
 * @param signal Ends the trying: rejects with its reason.
 */
export async function connectAtStart(app: AppCore, signal: AbortSignal): Promise<ConnectedBroker> {
  const { brokerConnectionRetryOnStartup: retries, brokerConnectionMaxRetries: limit } = app.conf
  for (let tries = 1; ; tries++) {
    try {
      signal.throwIfAborted()
      const broker = await app.broker()
      return { broker, advice: await broker.check() }
    } catch (error) {
      const isDown = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
      if (!isDown || !retries || (limit > 0 && tries > limit)) throw error
      const pause = Math.min(LONGEST_PAUSE_S, FIRST_PAUSE_S * tries)
      const count = limit > 0 ? `${tries}/${limit}` : String(tries)
      app.logger.error(
        { code: error.code, tries, next_in: `${pause}s` },
        `Cannot reach the broker: ${messageOf(error)} Trying again in ${pause} s (${count}).`.replace(
          /([^.])( Trying)/,
          '$1.$2',
        ),
      )
      await delay(app.clock, pause * 1000, signal)
    }
  }
}

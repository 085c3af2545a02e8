import type { AppCore } from '../app/core/index.js'
import type { Broker } from '../broker/index.js'
import { delay, isLovageError, messageOf } from '../kernel/index.js'

const FIRST_PAUSE_S = 2
const LONGEST_PAUSE_S = 30

/** A connected broker, and its advice to the operator. */
export interface ConnectedBroker {
  readonly broker: Broker
  readonly advice: readonly string[]
}

/**
 * Connects before the worker consumes. An unreachable broker is retried after 2, 4, 6 … 30 seconds, with one log line per try, as set by
 * `brokerConnectionRetryOnStartup` and `brokerConnectionMaxRetries`; a refusal is final.
 *
 * @param signal Stops the retries: rejects with its reason.
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

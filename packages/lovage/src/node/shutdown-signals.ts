import type { Logger, Unsubscribe } from '../kernel/index.js'
import type { StopKind } from '../worker/index.js'

/** How a process was asked to end. `now`: it was asked for the third time, and has to go without more ado. */
export type EndRequest = StopKind | 'now'

/**
 * Turns signals into requests to end. TERM and the first INT are warm; QUIT and an INT that follows are cold; one more
 * ends the process at once, which loses nothing either: what it holds returns by its lease.
 */
export function onShutdownSignal(
  logger: Logger,
  on: (how: EndRequest, signal: NodeJS.Signals) => void,
): Unsubscribe {
  let asked: EndRequest | undefined
  const request = (how: EndRequest, signal: NodeJS.Signals): void => {
    if (asked === how) return
    asked = how
    on(how, signal)
  }
  const handlers: Readonly<Partial<Record<NodeJS.Signals, () => void>>> = {
    SIGTERM: () => {
      if (asked === undefined) request('warm', 'SIGTERM')
      else
        logger.warn(
          { signal: 'SIGTERM' },
          `already stopping (${asked}); SIGQUIT does not wait for running tasks`,
        )
    },
    SIGINT: () => request(asked === undefined ? 'warm' : asked === 'warm' ? 'cold' : 'now', 'SIGINT'),
    SIGQUIT: () => request(asked === 'cold' ? 'now' : 'cold', 'SIGQUIT'),
  }
  const entries = Object.entries(handlers)
  for (const [signal, handler] of entries) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler)
  }
}

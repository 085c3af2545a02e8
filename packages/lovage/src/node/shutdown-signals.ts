import type { Logger, Unsubscribe } from '../kernel/index.js'
import type { StopKind } from '../worker/index.js'

/** How a process was asked to stop. `now`: it was asked once more after cold, and must exit at once. */
export type EndRequest = StopKind | 'now'

/** A process's reactions to signals. */
export interface SignalHabits {
  /** Whether there is a soft stage between warm and cold (`workerSoftShutdownTimeout`). */
  readonly hasSoft?: boolean
  /** HUP: a warm stop, after which the process starts again. */
  readonly onRestart?: () => void
}

/**
 * Turns signals into stop requests, each harder than the one before: warm, soft where that stage exists, cold, now. TERM and the first
 * INT are warm; QUIT is the first stage after warm; each further INT goes one stage further. `now` loses nothing either: held messages
 * return when their leases expire. `REMAP_SIGTERM=SIGQUIT` in the environment makes TERM a QUIT, as in Celery.
 */
export function onShutdownSignal(
  logger: Logger,
  on: (how: EndRequest, signal: NodeJS.Signals) => void,
  { hasSoft = false, onRestart }: SignalHabits = {},
): Unsubscribe {
  const stages: readonly EndRequest[] = hasSoft ? ['warm', 'soft', 'cold', 'now'] : ['warm', 'cold', 'now']
  let stage = -1
  const advance = (to: number, signal: NodeJS.Signals): void => {
    const next = stages[Math.min(to, stages.length - 1)]
    if (to <= stage || next === undefined) return
    stage = to
    on(next, signal)
  }
  const quit = (signal: NodeJS.Signals) => (): void => advance(Math.max(stage + 1, 1), signal)
  const term = (): void => {
    if (stage < 0) advance(0, 'SIGTERM')
    else
      logger.warn(
        { signal: 'SIGTERM' },
        `already stopping (${stages[stage]}); SIGQUIT does not wait for running tasks`,
      )
  }
  const handlers: Readonly<Partial<Record<NodeJS.Signals, () => void>>> = {
    SIGTERM: process.env.REMAP_SIGTERM === 'SIGQUIT' ? quit('SIGTERM') : term,
    SIGINT: () => advance(stage + 1, 'SIGINT'),
    SIGQUIT: quit('SIGQUIT'),
    ...(onRestart
      ? {
          SIGHUP: () => {
            onRestart()
            advance(0, 'SIGHUP')
          },
        }
      : {}),
  }
  const entries = Object.entries(handlers)
  for (const [signal, handler] of entries) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler)
  }
}

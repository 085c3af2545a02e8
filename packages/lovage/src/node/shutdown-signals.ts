import type { Logger, Unsubscribe } from '../kernel/index.js'
import type { StopKind } from '../worker/index.js'

/** How a process was asked to end. `now`: it was asked once too often, and has to go without more ado. */
export type EndRequest = StopKind | 'now'

/** What a process does with signals. */
export interface SignalHabits {
  /** Whether there is a soft stage between warm and cold (`workerSoftShutdownTimeout`). */
  readonly hasSoft?: boolean
  /** HUP: a warm end after which the process starts again. */
  readonly onRestart?: () => void
}

/**
 * Turns signals into requests to end, each harder than the one before: warm, soft where there is that stage, cold, now. TERM and the first INT
 * are warm; QUIT is the first after warm; an INT that follows goes one further. `now` loses nothing either: what is held returns by its lease.
 * `REMAP_SIGTERM=SIGQUIT` in the environment makes TERM a QUIT, as in Celery.
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

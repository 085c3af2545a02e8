import type { AppCore } from '../core/index.js'
import { BREAKERS } from '../guards/index.js'

/** A circuit breaker that is not closed. */
export interface OpenBreaker {
  /** The task's name, followed by a colon and the value of its key function. */
  readonly key: string
  readonly task: string
  /** `half-open`: its time has passed, and the next run is a trial. */
  readonly state: 'open' | 'half-open'
  /** Unix ms from which a trial run is allowed; it may be in the past. */
  readonly untilMs: number
}

/** The fleet's circuit breakers that are not closed. */
export async function openBreakers(core: AppCore): Promise<readonly OpenBreaker[]> {
  const marks = await (await core.coordination()).list(BREAKERS)
  const nowMs = core.clock.now()
  return marks.map(({ key, value }) => {
    const [until = '', ...task] = value.split(' ')
    const untilMs = Number(until)
    return { key, task: task.join(' '), state: untilMs > nowMs ? 'open' : 'half-open', untilMs }
  })
}

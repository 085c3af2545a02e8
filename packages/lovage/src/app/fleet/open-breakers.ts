import type { AppCore } from '../core/index.js'
import { BREAKERS } from '../guards/index.js'

/** A circuit breaker that is not closed. */
export interface OpenBreaker {
  /** The task's name, and behind a colon what its key function says. */
  readonly key: string
  readonly task: string
  /** `half-open`: its time is over, and the next run tries. */
  readonly state: 'open' | 'half-open'
  /** Unix ms at which a run tries, or may since. */
  readonly untilMs: number
}

/** The circuit breakers of the fleet that are not closed. */
export async function openBreakers(core: AppCore): Promise<readonly OpenBreaker[]> {
  const marks = await (await core.coordination()).list(BREAKERS)
  const nowMs = core.clock.now()
  return marks.map(({ key, value }) => {
    const [until = '', ...task] = value.split(' ')
    const untilMs = Number(until)
    return { key, task: task.join(' '), state: untilMs > nowMs ? 'open' : 'half-open', untilMs }
  })
}

import type { AppCore } from '../app/core/index.js'
import type { Answers } from '../app/fleet/index.js'
import type { RequestInfo } from '../app/operating/index.js'

/** A task that runs longer than allowed. */
export interface StuckTask {
  readonly id: string
  readonly task: string
  readonly worker: string
  /** Running time in whole seconds. */
  readonly seconds: number
}

/** Tasks that run longer than their hard limit plus `graceS` seconds; a task without a limit is never stuck. */
export function findStuck(
  app: Pick<AppCore, 'tasks' | 'conf' | 'clock'>,
  active: Answers<readonly RequestInfo[]>,
  graceS: number,
): readonly StuckTask[] {
  const nowS = app.clock.now() / 1000
  return Object.entries(active).flatMap(([worker, requests]) => {
    if (!Array.isArray(requests)) return []
    return (requests as readonly RequestInfo[]).flatMap(({ id, name, time_start: began }) => {
      const limit = app.tasks.get(name)?.options.timeLimit ?? app.conf.taskTimeLimit
      if (began === null || !limit || nowS - began <= limit + graceS) return []
      return [{ id, task: name, worker, seconds: Math.floor(nowS - began) }]
    })
  })
}

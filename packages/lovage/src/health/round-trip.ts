import type { AppCore } from '../app/core/index.js'
import { counted } from '../kernel/index.js'

const TIMEOUT_S = 5
/** With more tasks than this before it, the probe would say how long the queue is, and nothing else. */
const MOST_BEFORE = 100

/**
 * Sends Celery's own task, which every worker of either language has, through the shortest of these queues, and waits for its result.
 * Resolves to what was seen.
 */
export async function roundTrip(app: AppCore, queues: readonly string[]): Promise<string> {
  const depths = await (await app.broker()).depths(queues)
  const readyIn = (name: string): number => depths.get(name)?.ready ?? 0
  const queue = queues.reduce((one, other) => (readyIn(other) < readyIn(one) ? other : one))
  const ready = readyIn(queue)
  if (ready > MOST_BEFORE)
    return `not tried: ${counted(ready, 'task waits', 'tasks wait')} in ${queue} before it`
  const began = performance.now()
  const result = await app.calls.send({
    task: 'celery.accumulate',
    args: [42],
    kwargs: { index: 0 },
    // Nobody waits for it after that.
    options: { queue, shadow: 'lovage.doctor', expires: TIMEOUT_S },
    defaults: {},
  })
  const answer = await result.get({ timeout: TIMEOUT_S })
  if (answer !== 42) throw new Error(`the answer was ${JSON.stringify(answer)}`)
  return `a task went through ${queue} and back in ${Math.round(performance.now() - began)} ms`
}

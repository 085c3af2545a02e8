import type { DeadLetter } from 'lovage'
import type { Fleet } from './fleet.js'

/** Attempts whose letters are looked for. */
const ATTEMPTS = 50

/** The newest dead letter that a task ended as. A letter that ended a run has an id made of the task's and the number of the attempt. */
export async function letterOf(fleet: Fleet, taskId: string): Promise<DeadLetter | undefined> {
  const ids = [taskId, ...Array.from({ length: ATTEMPTS }, (_, attempt) => `${taskId}.${attempt}`)]
  const page = await fleet.tried('broker', () => fleet.app.deadLetters.list({ ids, limit: ATTEMPTS }))
  return page?.items[0]
}

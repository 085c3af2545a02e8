import type { DeadLetter } from 'lovage'
import type { Fleet } from './fleet.js'

/** The most attempts whose letters are looked up. */
const ATTEMPTS = 50

/** A task's newest dead letter. The letter of a run has an id made from the task's id and the attempt's number. */
export async function letterOf(fleet: Fleet, taskId: string): Promise<DeadLetter | undefined> {
  const ids = [taskId, ...Array.from({ length: ATTEMPTS }, (_, attempt) => `${taskId}.${attempt}`)]
  const page = await fleet.tried('broker', () => fleet.app.deadLetters.list({ ids, limit: ATTEMPTS }))
  return page?.items[0]
}

import type { DeadLetter } from 'lovage'
import type { Fleet } from './fleet.js'

const PAGE = 500
/** Letters that are looked through, the newest first; stores find letters by their own ids only. */
const MOST_PAGES = 10

/** A task's newest dead letter. */
export async function letterOf(fleet: Fleet, taskId: string): Promise<DeadLetter | undefined> {
  let after: string | undefined
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const from = after === undefined ? {} : { after }
    const page = await fleet.tried('broker', () => fleet.app.deadLetters.list({ limit: PAGE, ...from }))
    const found = page?.items.find((letter) => letter.taskId === taskId)
    if (found || page?.next === undefined) return found
    after = page.next
  }
  return undefined
}

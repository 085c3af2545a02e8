import { randomUUID } from 'node:crypto'
import type { ActionOutcome } from '../actions/dashboard-actions.js'

const MOST = 1_000

/** What became of actions, kept for the page that comes after: a browser without scripts is sent back to where it was. */
export class Outcomes {
  readonly #outcomes = new Map<string, ActionOutcome>()

  /** Keeps an outcome, and names it for the URL. */
  put(outcome: ActionOutcome): string {
    const id = randomUUID()
    this.#outcomes.set(id, outcome)
    const [oldest] = this.#outcomes.keys()
    if (this.#outcomes.size > MOST && oldest !== undefined) this.#outcomes.delete(oldest)
    return id
  }

  take(id: string | undefined): ActionOutcome | undefined {
    return id === undefined ? undefined : this.#outcomes.get(id)
  }
}

import { randomUUID } from 'node:crypto'
import type { ActionOutcome } from '../actions/dashboard-actions.js'

const MOST = 1_000

/** Outcomes of actions, kept for the page that follows: a browser without scripts is redirected back. */
export class Outcomes {
  readonly #outcomes = new Map<string, ActionOutcome>()

  /** Stores an outcome, and returns its key for the URL. */
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

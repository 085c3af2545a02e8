/** A problem that makes a page incomplete: shown as a state of the page, never instead of it. */
export interface Trouble {
  readonly kind:
    | 'broker-lost'
    | 'results-lost'
    | 'history-lost'
    | 'no-workers'
    | 'events-off'
    | 'sent-events-off'
    | 'started-off'
    | 'not-listening'
    | 'workers-silent'
    | 'behind'
  /** The problem, in one sentence. */
  readonly message: string
  /** The remedy, in one sentence. */
  readonly advice: string
  /** When it began, Unix ms; null when unknown. */
  readonly sinceMs: number | null
  /** The action that fixes it, if any. */
  readonly action?: 'fleet.enable-events'
}

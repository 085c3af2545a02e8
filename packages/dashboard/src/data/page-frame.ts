import type { Gap } from '../history/gap.js'

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
  /** The problem, in one sentence. */
  readonly message: string
  /** The remedy, in one sentence. */
  readonly advice: string
  /** When it began, Unix ms; null when unknown. */
  readonly sinceMs: number | null
  /** The action that fixes it, if any. */
  readonly action?: 'fleet.enable-events'
}

/** The common frame of every page. */
export interface PageFrame {
  /** The fleet that the page shows. */
  readonly fleet: string
  /** All fleets by name, in the order of the configuration. */
  readonly fleets: readonly string[]
  readonly nowMs: number
  readonly troubles: readonly Trouble[]
  /** The newest history gaps that affect the page. */
  readonly gaps: readonly Gap[]
  /** Whether this dashboard is read-only. */
  readonly readOnly: boolean
}

/** A page: its frame and its data; the same object is the page's JSON. */
export type PageData<Data> = PageFrame & { readonly data: Data }

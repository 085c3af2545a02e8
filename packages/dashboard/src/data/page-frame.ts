import type { Gap } from '../history/gap.js'

/** Something that keeps a page from saying everything: shown as a state of the page, never instead of it. */
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
  /** One sentence: what is wrong. */
  readonly message: string
  /** One sentence: what to do. */
  readonly advice: string
  /** Unix ms; null when it is not known since when. */
  readonly sinceMs: number | null
  /** The action that mends it, where one does. */
  readonly action?: 'fleet.enable-events'
}

/** What every page says beside its own data. */
export interface PageFrame {
  /** The fleet that the page shows. */
  readonly fleet: string
  /** All fleets by name, in the order of the configuration. */
  readonly fleets: readonly string[]
  readonly nowMs: number
  readonly troubles: readonly Trouble[]
  /** The newest gaps in the history that touch what the page shows. */
  readonly gaps: readonly Gap[]
  /** Nothing can be changed through this dashboard. */
  readonly readOnly: boolean
}

/** A page: its frame and its data; the same object is the page's JSON. */
export type PageData<Data> = PageFrame & { readonly data: Data }

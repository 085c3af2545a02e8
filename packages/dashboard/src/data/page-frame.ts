import type { Trouble } from '../fleets/trouble.js'
import type { Gap } from '../history/gap.js'

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

export type { Trouble } from '../fleets/trouble.js'

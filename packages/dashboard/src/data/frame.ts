import type { Fleet } from '../fleets/fleet.js'
import type { PageData } from './page-frame.js'

/** The common source of all pages. */
export interface PageSource {
  readonly fleets: ReadonlyMap<string, Fleet>
  readonly readOnly: boolean
}

const SHOWN_GAPS = 5

/** Puts a page's data into its frame, with the troubles found while collecting the data. */
export async function framed<Data>(source: PageSource, fleet: Fleet, data: Data): Promise<PageData<Data>> {
  const gaps = (await fleet.tried('history', () => fleet.store.gaps(SHOWN_GAPS))) ?? []
  return {
    fleet: fleet.name,
    fleets: [...source.fleets.keys()],
    nowMs: fleet.app.clock.now(),
    troubles: fleet.troubles(),
    gaps,
    readOnly: source.readOnly,
    data,
  }
}

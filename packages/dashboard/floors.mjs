/** Which room stands on which floor. A room imports from itself and from lower floors. */
export const FLOORS = [
  ['access', 'search', 'values', 'webhooks'],
  ['history'],
  ['ingest'],
  ['fleets'],
  ['data'],
  ['actions'],
  ['opening'],
  ['flower', 'server'],
  ['pages'],
  ['cli'],
]

/** Rooms here have no `index.ts`: most files of a room are used by pages and routes alike, and a door would list them all. */
export const HAS_DOORS = false

/** Which room stands on which floor. A room imports from itself and from lower floors, through the door (`index.ts`). */
export const FLOORS = [
  ['domain', 'verify'],
  ['address', 'lane', 'plan', 'signing', 'vault'],
  ['http', 'store'],
  ['deliver'],
  ['facade'],
  ['enrich', 'service'],
  ['portal'],
  ['cli'],
]

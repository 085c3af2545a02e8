/** Which room stands on which floor. A room imports from itself and from lower floors, through the door (`index.ts`). */
export const FLOORS = [
  ['kernel'],
  ['message', 'schedule'],
  ['result', 'dead-letter', 'coordination', 'events', 'schedule-store'],
  ['canvas', 'broker'],
  ['drivers/shared'],
  ['drivers/redis', 'drivers/postgres', 'drivers/sqlite', 'drivers/memory', 'drivers/amqp'],
  ['drivers'],
  ['app'],
  ['loader'],
  ['worker', 'beat'],
  ['control', 'dogstatsd', 'health', 'metrics', 'tracing'],
  ['node', 'notify'],
  ['testing'],
  ['cli'],
]

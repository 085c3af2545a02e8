/** Which room stands on which floor. A room imports from itself and from lower floors, through the door (`index.ts`). */
export const FLOORS = [
  ['kernel'],
  ['sqlite-file', 'redis-client', 'postgres-client', 'amqp-client'],
  ['message', 'schedule'],
  ['result', 'dead-letter', 'coordination', 'events'],
  ['canvas', 'broker'],
  ['app'],
  ['loader'],
  ['worker', 'beat'],
  ['control', 'dogstatsd', 'health', 'metrics', 'tracing'],
  ['node', 'notify'],
  ['testing'],
  ['cli'],
]

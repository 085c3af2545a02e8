import { readStatements } from './database/statements.js'

/** The statements of deliveries, by name. */
export const DELIVERIES = readStatements(new URL('./sql/deliveries.sql', import.meta.url), [
  'lockLanes',
  'lockLanesOf',
  'readLanes',
  'saveLanes',
  'load',
  'inFlight',
  'blockedByOrder',
  'begin',
  'setWaiting',
  'bodies',
  'insertAttempts',
  'settle',
  'replayed',
  'waiting',
  'waitingInOrder',
  'unwait',
  'sweep',
  'sweptUp',
])

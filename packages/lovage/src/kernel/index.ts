export { abortAfter } from './abort-after.js'
export * from './clock.js'
export { counted } from './counted.js'
export * from './crash-point.js'
export type { DriverOptions, OpenDriver } from './driver-options.js'
export { ERROR_CODES, type ErrorCode } from './error-codes.js'
export * from './errors.js'
export { FleetingMap } from './fleeting-map.js'
export { globSource } from './glob.js'
export { growingMs } from './growing-time.js'
export * from './ids.js'
export { InFlight } from './in-flight.js'
export {
  ABOVE_0,
  BOOLEAN,
  described,
  FROM_0,
  inCode,
  type Kind,
  NUMBER,
  oneOf,
  PRIORITY,
  RATE,
  SECONDS,
  SECONDS_FROM_NOW,
  SOME_SECONDS,
  TEXT,
  whole,
} from './kinds.js'
export * from './logger.js'
export { LogicalClock } from './logical-clock.js'
export { nearest } from './nearest.js'
export type * from './page.js'
export { intervalOf } from './rate.js'
export * from './redact.js'
export { requireLater } from './require-later.js'
export { holdProcess, stayAlive } from './stay-alive.js'
export { type TogetherOptions, together } from './together.js'
export type { Unsubscribe } from './unsubscribe.js'

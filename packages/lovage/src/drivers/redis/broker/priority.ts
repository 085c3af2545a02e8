import { priorityFromWire as fromWire } from '../../../broker/index.js'

/**
 * The public priority of a number on Celery's wire. 0 is what Celery writes for "none", so it reads as none; written
 * again it is 0 again.
 */
export const priorityFromWire = (wire: number | undefined): number | undefined =>
  wire === 0 ? undefined : fromWire(wire)

import { priorityFromWire as fromWire } from '../../../broker/index.js'

/**
 * The public priority of a number in Celery's wire format. Celery writes 0 for "none", so 0 reads as none; written
 * again, it is 0.
 */
export const priorityFromWire = (wire: number | undefined): number | undefined =>
  wire === 0 ? undefined : fromWire(wire)

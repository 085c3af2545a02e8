import { STEPS } from './keys.js'

/**
 * Celery's number on Redis, where lower is more urgent. A message without a priority gets 0, the most urgent, as
 * Celery's own do.
 */
export const priorityToWire = (priority: number | undefined): number =>
  priority === undefined ? 0 : 9 - Math.min(Math.max(priority, 0), 9)

/** 0 is what Celery writes for "none", so it reads as none, and is written as 0 again. */
export const priorityFromWire = (priority: number | undefined): number | undefined =>
  priority === undefined || priority === 0 ? undefined : 9 - Math.min(Math.max(priority, 0), 9)

/** The list's step for a number on the wire: the largest step that is not above it. */
export function stepOf(wirePriority: number): number {
  let found = 0
  for (const step of STEPS) if (step <= wirePriority) found = step
  return found
}

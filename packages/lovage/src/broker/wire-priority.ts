/**
 * The public priority (0–9, higher first) on kombu's virtual transports, where the lowest number is consumed
 * first: `9 − p`. A message without a priority gets Celery's own default there, 0: the most urgent.
 */
export function priorityToWire(priority: number | undefined): number {
  return priority === undefined ? 0 : 9 - Math.min(Math.max(Math.trunc(priority), 0), 9)
}

/** The public priority for a number on such a wire. */
export function priorityFromWire(wire: number | undefined): number | undefined {
  return wire === undefined ? undefined : 9 - Math.min(Math.max(Math.trunc(wire), 0), 9)
}

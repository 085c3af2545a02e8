import type { DesertedQueue } from '../app/fleet/index.js'

/** What is wrong with a queue that no worker said it consumes, and what to do. */
export function describeDeserted(
  queue: string,
  { isHeld }: DesertedQueue,
): { readonly detail: string; readonly advice: string } {
  return isHeld
    ? {
        detail: 'a worker holds it and does not answer',
        advice:
          'It is blocked, if its log says blocked_ms and the task: end it with SIGKILL and start another, and its messages return. Or it died a moment ago, or its remote control is off.',
      }
    : { detail: 'no worker consumes it', advice: `Start one: lovage worker -Q ${queue}` }
}

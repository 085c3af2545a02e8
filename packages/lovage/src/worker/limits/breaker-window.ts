import type { Breaker, Outcome } from '../../app/tasks/index.js'

/** The last runs of a task, oldest first: `1` succeeded, `0` failed. */
export type RunWindow = string

/** What a run shows about its task: whether it works; undefined when the run was lost, given back, or found its message invalid. */
export function verdictOf(outcome: Outcome): '1' | '0' | undefined {
  switch (outcome.kind) {
    case 'success':
    case 'ignore':
    case 'replace':
      return '1'
    case 'failure':
      return outcome.expected ? '1' : '0'
    case 'retry':
      // A task that only asked to run again has not failed.
      return outcome.exception === null ? '1' : '0'
    case 'lost':
    case 'reject':
      return undefined
  }
}

/** The window after more runs. */
export const slide = (before: RunWindow, runs: RunWindow, { window }: Pick<Breaker, 'window'>): RunWindow =>
  (before + runs).slice(-window)

/** Whether so many of the last runs failed that the task should not be tried for a while. */
export function isTripped(
  runs: RunWindow,
  { minimum, threshold }: Pick<Breaker, 'minimum' | 'threshold'>,
): boolean {
  if (runs.length < minimum) return false
  return runs.split('0').length - 1 >= threshold * runs.length
}

import type { AnyTask, TaskOptions } from '../app/tasks/index.js'
import { ConfigurationError } from '../kernel/index.js'
import type { Job } from './pools/job.js'

/** How long a run may take, in seconds. */
export interface RunLimits {
  /** The hard limit: the run is ended. */
  readonly hard?: number
  /** The soft limit: the task's signal is aborted with SoftTimeLimitExceeded. */
  readonly soft?: number
}

const NONE: RunLimits = {}

/** The limits set in a task's options. */
export function limitsOf({ timeLimit, softTimeLimit }: TaskOptions): RunLimits {
  return {
    ...(timeLimit === undefined ? {} : { hard: timeLimit }),
    ...(softTimeLimit === undefined ? {} : { soft: softTimeLimit }),
  }
}

/**
 * The time limits in force: the call's own, then those set at run time, then the task's own with annotations and settings
 * filled in.
 */
export class TimeLimits {
  readonly #overrides = new Map<string, RunLimits>()

  /**
   * Sets the limits of a task for runs that start from now on; an empty object removes them.
   * @throws {ConfigurationError} LVG_CONFIG_INVALID for a soft limit beyond the hard one, and for invalid numbers of seconds.
   */
  set(task: string, limits: RunLimits): void {
    checkLimits(task, limits)
    if (limits.hard === undefined && limits.soft === undefined) this.#overrides.delete(task)
    else this.#overrides.set(task, limits)
  }

  /** The limits of a run. */
  of({ task, context }: Pick<Job, 'task' | 'context'>): RunLimits {
    const { options, definition } = task
    const [calledHard, calledSoft] = context.timeLimit
    const override = this.#overrides.get(task.name)
    // Producers write the task's own limits into every call; only values that differ were set by the call itself.
    const hard =
      ownWord(calledHard, definition.own.timeLimit) ?? override?.hard ?? options.timeLimit ?? calledHard
    const soft =
      ownWord(calledSoft, definition.own.softTimeLimit) ??
      override?.soft ??
      options.softTimeLimit ??
      calledSoft
    if (!isLimit(hard) && !isLimit(soft)) return NONE
    return { ...(isLimit(hard) ? { hard } : {}), ...(isLimit(soft) ? { soft } : {}) }
  }
}

/**
 * Milliseconds of the longest hard limit of an app's tasks; undefined when any task has none. Celery's own tasks, which every worker
 * has, wait and do not compute: they do not count.
 */
export function longestLimitMs(tasks: Iterable<Pick<AnyTask, 'name' | 'options'>>): number | undefined {
  let longestMs: number | undefined
  for (const { name, options } of tasks) {
    if (name.startsWith('celery.')) continue
    if (!isLimit(options.timeLimit)) return undefined
    longestMs = Math.max(longestMs ?? 0, options.timeLimit * 1000)
  }
  return longestMs
}

/** @throws {ConfigurationError} LVG_CONFIG_INVALID */
export function checkLimits(task: string, { hard, soft }: RunLimits): void {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(problem, { code: 'LVG_CONFIG_INVALID', details: { task } })
  }
  for (const limit of [hard, soft]) {
    if (limit !== undefined && !(Number.isFinite(limit) && limit >= 0))
      refuse(`${limit} is not a valid time limit for ${task}: give a number of seconds.`)
  }
  if (hard !== undefined && soft !== undefined && isLimit(hard) && soft > hard)
    refuse(`The soft time limit of ${task} (${soft} s) is longer than the hard one (${hard} s).`)
}

const ownWord = (called: number | null, own: number | undefined): number | undefined =>
  called === null || called === own ? undefined : called

/** 0 is Celery's way to say: none. */
const isLimit = (limit: number | null | undefined): limit is number =>
  limit !== undefined && limit !== null && limit > 0

import { ConfigurationError } from '../../kernel/index.js'
import { checkTimeZone, type PeriodicTask, type ScheduleLike, toSchedule } from '../../schedule/index.js'
import type { CallOptions } from '../tasks/index.js'

/** The arguments of a periodic task: required where the task requires them. */
export type PeriodicArguments<Args> = Args extends readonly unknown[]
  ? [] extends Args
    ? { readonly args?: Args }
    : { readonly args: Args }
  : Record<never, never> extends Args
    ? { readonly kwargs?: Args }
    : { readonly kwargs: Args }

/** Options of a periodic task other than its schedule and its arguments. */
export interface PeriodicOptions
  extends Omit<PeriodicTask<CallOptions>, 'task' | 'schedule' | 'args' | 'kwargs'> {
  /** Names the entry; default: the task's name. */
  readonly name?: string
}

/** Adds an entry to beat's schedule; returns its name. */
export interface AddPeriodicTask {
  /**
   * Runs a task periodically: `app.addPeriodicTask(30, add, { args: [2, 3] })`,
   * `app.addPeriodicTask(crontab({ hour: 2, minute: 0 }), tidy, { name: 'nightly', expires: 3600 })`.
   * @throws {ConfigurationError} LVG_SCHEDULE_INVALID when another entry has the name.
   */
  <Args>(
    schedule: ScheduleLike,
    task: { readonly name: string; apply(args: Args, options?: CallOptions): unknown },
    ...options: Record<never, never> extends PeriodicArguments<NoInfer<Args>>
      ? [options?: PeriodicOptions & PeriodicArguments<NoInfer<Args>>]
      : [options: PeriodicOptions & PeriodicArguments<NoInfer<Args>>]
  ): string
  /** The same for a task that is known only by name. */
  (
    schedule: ScheduleLike,
    task: string,
    options?: PeriodicOptions & Pick<PeriodicTask, 'args' | 'kwargs'>,
  ): string
}

/** The entries that code adds to those of the setting `beatSchedule`. */
export class PeriodicTasks {
  readonly #inSettings: () => Readonly<Record<string, PeriodicTask<CallOptions>>>
  readonly #added = new Map<string, PeriodicTask<CallOptions>>()

  constructor(inSettings: () => Readonly<Record<string, PeriodicTask<CallOptions>>>) {
    this.#inSettings = inSettings
  }

  readonly add: AddPeriodicTask = (
    schedule: ScheduleLike,
    task: string | { readonly name: string },
    given: PeriodicOptions & Pick<PeriodicTask, 'args'> & { readonly kwargs?: object } = {},
  ) => {
    const called: unknown = typeof task === 'string' ? task : task?.name
    if (typeof called !== 'string' || called === '')
      throw new ConfigurationError('A periodic task is a task or the name of one.', {
        code: 'LVG_SCHEDULE_INVALID',
        hint: 'The arguments of a signature are given as options: addPeriodicTask(schedule, add, { args: [2, 3] }).',
      })
    toSchedule(schedule)
    const { name = called, kwargs, ...options } = given
    if (options.timezone !== undefined) checkTimeZone(options.timezone)
    if (this.all().has(name)) {
      throw new ConfigurationError(`Two schedule entries are named ${name}.`, {
        code: 'LVG_SCHEDULE_INVALID',
        details: { entry: name },
        hint: 'Give each a name: addPeriodicTask(schedule, task, { name }).',
      })
    }
    // Named arguments are an object type of the task's own; a message treats them as any record.
    this.#added.set(name, {
      ...options,
      schedule,
      task: called,
      ...(kwargs === undefined ? {} : { kwargs: kwargs as Readonly<Record<string, unknown>> }),
    })
    return name
  }

  /** All entries by name. */
  all(): ReadonlyMap<string, PeriodicTask<CallOptions>> {
    return new Map([...Object.entries(this.#inSettings()), ...this.#added])
  }
}

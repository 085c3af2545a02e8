import type { AppCore } from '../app/core/index.js'
import type { CallOptions } from '../app/tasks/index.js'
import { ConfigurationError } from '../kernel/index.js'
import { crontab, type PeriodicTask } from '../schedule/index.js'
import { defineEntry, type EntryDefinition } from '../schedule-store/index.js'

/** The name, and the task, of the entry that removes old results. */
const BACKEND_CLEANUP = 'celery.backend_cleanup'

/**
 * The entries of an app's code: those of `beatSchedule` and `addPeriodicTask`, and Celery's own for backends whose
 * results do not expire by themselves.
 * @throws {ConfigurationError} LVG_SCHEDULE_INVALID for the first invalid entry.
 */
export function codeEntries(
  app: Pick<AppCore, 'conf' | 'periodicTasks' | 'hasResults' | 'tasks'>,
  backend: { readonly expiresItself: boolean } | undefined,
): ReadonlyMap<string, EntryDefinition> {
  const entries = new Map<string, EntryDefinition>()
  if (backend && !backend.expiresItself && app.conf.resultExpires > 0) {
    entries.set(
      BACKEND_CLEANUP,
      defineEntry(BACKEND_CLEANUP, {
        task: BACKEND_CLEANUP,
        schedule: crontab({ minute: 0, hour: 4 }),
        expires: 12 * 3600,
      }),
    )
  }
  for (const [name, periodic] of app.periodicTasks.all()) entries.set(name, defineForApp(app, name, periodic))
  return entries
}

/** The definition of an entry, with the app's settings as defaults, and its requirements checked. */
export function defineForApp(
  app: Pick<AppCore, 'conf' | 'hasResults' | 'tasks'>,
  name: string,
  periodic: PeriodicTask<CallOptions>,
): EntryDefinition {
  const definition = defineEntry(
    name,
    withDeadline(app.conf.beatCronStartingDeadline, { ...periodic, options: { ...periodic.options } }),
  )
  if (definition.overlap === 'skip' && !keepsResults(app, definition)) {
    throw new ConfigurationError(
      `The schedule entry '${name}' is invalid: overlap 'skip' needs the results of its task.`,
      {
        code: 'LVG_SCHEDULE_INVALID',
        details: { entry: name, field: 'overlap' },
        hint: 'Configure a result backend, and do not ignore the result of the task.',
      },
    )
  }
  return definition
}

/** Celery's setting for crontabs, where the entry does not set its own. */
function withDeadline(seconds: number | undefined, periodic: PeriodicTask): PeriodicTask {
  const isCrontab = typeof periodic.schedule === 'object' && periodic.schedule?.kind === 'crontab'
  if (seconds === undefined || !isCrontab || periodic.missed !== undefined) return periodic
  return { missedAfterMs: Math.max(1, seconds) * 1000, ...periodic, missed: 'skip' }
}

function keepsResults(
  app: Pick<AppCore, 'hasResults' | 'tasks'>,
  { task, options }: EntryDefinition,
): boolean {
  const ignored = options.ignoreResult ?? app.tasks.get(task)?.options.ignoreResult ?? false
  return app.hasResults && ignored !== true
}

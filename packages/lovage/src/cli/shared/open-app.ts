import { Lovage } from '../../app/index.js'
import { ConfigurationError } from '../../kernel/index.js'
import { type AppSource, appSpec, loadSource, type SourcedApp } from '../../loader/index.js'

/** The options of every command. */
export interface GlobalOptions {
  readonly app?: string
  readonly broker?: string
  readonly resultBackend?: string
  readonly config?: string
  readonly workdir?: string
  readonly color: boolean
  readonly quiet?: boolean
}

/** The app source given on the command line. */
export function sourceOf(
  globals: GlobalOptions,
  include: readonly string[] = [],
  more: Readonly<Record<string, unknown>> = {},
): AppSource {
  const folder = process.cwd()
  const spec = appSpec(globals.app, process.env, folder)
  const given = { broker: globals.broker, backend: globals.resultBackend, ...more }
  const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return {
    ...(spec ? { spec } : {}),
    include,
    ...(globals.config === undefined ? {} : { config: globals.config }),
    settings,
    folder,
  }
}

/**
 * Opens the app given on the command line, with its settings applied and its modules imported. A command that needs no tasks gets an app
 * built from the settings alone.
 */
export async function openApp(
  globals: GlobalOptions,
  needs: 'tasks' | 'settings',
  source: AppSource = sourceOf(globals),
): Promise<SourcedApp> {
  const opened = await loadSource(source, () => (needs === 'settings' ? new Lovage('lovage') : undefined))
  if (!opened) {
    throw new ConfigurationError('No app was given.', {
      code: 'LVG_APP_NOT_FOUND',
      hint: 'Name it: lovage -A src/app.ts …, CELERY_APP in the environment, or "lovage": "src/app.ts" in package.json.',
    })
  }
  const { app } = opened
  warnIfOverruled(app, '-b', globals.broker, app.conf.brokerUrl)
  warnIfOverruled(app, '--result-backend', globals.resultBackend, app.conf.resultBackend)
  return opened
}

/** Changes to `--workdir`, before any relative path is resolved. */
export function enterWorkdir({ workdir }: GlobalOptions): void {
  if (workdir === undefined) return
  try {
    process.chdir(workdir)
  } catch (cause) {
    throw new ConfigurationError(`There is no folder ${workdir} (--workdir).`, { code: 'LVG_USAGE', cause })
  }
}

/** Warns when the app's own code overrides an option. */
export function warnIfOverruled(app: Lovage, option: string, given: unknown, inForce: unknown): void {
  if (given !== undefined && given !== inForce)
    app.logger.warn(
      { option },
      `${option} has no effect: the app's own code sets a different one, and code takes precedence`,
    )
}

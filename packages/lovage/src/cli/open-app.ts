import { Lovage, type SettingsInput } from '../app/index.js'
import { ConfigurationError } from '../kernel/index.js'
import { appIn, appSpec, type Exports, importModules, loadApp } from '../loader/index.js'

/** What every command takes. */
export interface GlobalOptions {
  readonly app?: string
  readonly broker?: string
  readonly resultBackend?: string
  readonly config?: string
  readonly workdir?: string
  readonly color: boolean
  readonly quiet?: boolean
}

/** The app of a command line. */
export interface OpenedApp {
  readonly app: Lovage
  /** The file it came from; undefined for one made of settings alone. */
  readonly file: string | undefined
}

/**
 * The app that the command line names, its settings applied and its modules imported. A command that needs no tasks
 * takes one made of the settings alone.
 */
export async function openApp(
  globals: GlobalOptions,
  needs: 'tasks' | 'settings',
  include: readonly string[] = [],
): Promise<OpenedApp> {
  const folder = process.cwd()
  const spec = appSpec(globals.app, process.env, folder)
  const found = spec && (await loadApp(spec))
  const included = await importModules(include, folder)
  const app = found?.app ?? appAmong(included) ?? (needs === 'settings' ? new Lovage('lovage') : undefined)
  if (!app) {
    throw new ConfigurationError('No app was named.', {
      code: 'LVG_APP_NOT_FOUND',
      hint: 'Say where it is: lovage -A src/app.ts …, CELERY_APP in the environment, or "lovage": "src/app.ts" in package.json.',
    })
  }
  await applySettings(app, globals, folder)
  await importModules([...app.conf.include, ...app.conf.imports], folder)
  return { app, file: found?.file }
}

/** Enters `--workdir`, before anything is looked up by a relative path. */
export function enterWorkdir({ workdir }: GlobalOptions): void {
  if (workdir === undefined) return
  try {
    process.chdir(workdir)
  } catch (cause) {
    throw new ConfigurationError(`There is no folder ${workdir} (--workdir).`, { code: 'LVG_USAGE', cause })
  }
}

function appAmong(modules: readonly Exports[]): Lovage | undefined {
  for (const exports of modules) {
    const found = appIn(exports, 'The module of -I')
    if (found) return found.app
  }
  return undefined
}

async function applySettings(app: Lovage, globals: GlobalOptions, folder: string): Promise<void> {
  const given: Record<string, unknown> = {}
  if (globals.config !== undefined) {
    const [exports = {}] = await importModules([globals.config], folder)
    Object.assign(given, settingsIn(exports))
  }
  if (globals.broker !== undefined) given.broker = globals.broker
  if (globals.resultBackend !== undefined) given.backend = globals.resultBackend
  if (Object.keys(given).length === 0) return
  // Names and values are checked by the app.
  app.configFromCommandLine(given as SettingsInput)
  warnIfOverruled(app, '-b', globals.broker, app.conf.brokerUrl)
  warnIfOverruled(app, '--result-backend', globals.resultBackend, app.conf.resultBackend)
}

/** A module's settings: its default export, else all that is neither function nor class. */
function settingsIn(exports: Exports): object {
  if (typeof exports.default === 'object' && exports.default !== null) return exports.default
  return Object.fromEntries(Object.entries(exports).filter(([, value]) => typeof value !== 'function'))
}

function warnIfOverruled(app: Lovage, option: string, given: string | undefined, inForce: unknown): void {
  if (given !== undefined && given !== inForce)
    app.logger.warn(
      { option },
      `${option} has no effect: the app's own code sets another one, and code has precedence`,
    )
}

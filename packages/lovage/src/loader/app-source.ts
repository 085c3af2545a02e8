import { type AppCore, coreOf } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import { settingsFrom } from '../app/settings/index.js'
import { type AppSpec, appIn, loadApp } from './find-app.js'
import { type Exports, importModules } from './import-module.js'

/** The source of an app and its command-line settings: plain data, so that child processes build the same app from it. */
export interface AppSource {
  /** Absent: the app is among the modules of `include`. */
  readonly spec?: AppSpec
  /** `-I`: modules to be imported. */
  readonly include: readonly string[]
  /** `--config`: a module whose exports are settings. */
  readonly config?: string
  /** Settings of the command line, over those of `config`. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The base folder of relative names. */
  readonly folder: string
}

/** The app loaded from a source. */
export interface SourcedApp {
  readonly app: Lovage
  readonly core: AppCore
  /** The file it came from; undefined for one built by `make`. */
  readonly file: string | undefined
}

/**
 * Imports the modules of a source and applies its settings; the modules of the settings `include` and `imports` come last.
 *
 * @param make Creates an app where the source names none.
 */
export async function loadSource(
  source: AppSource,
  make: () => Lovage | undefined = () => undefined,
): Promise<SourcedApp | undefined> {
  const { spec, include, config, folder } = source
  const found = spec && (await loadApp(spec))
  const included = await importModules(include, folder)
  const app = found?.app ?? appAmong(included) ?? make()
  if (!app) return undefined
  const core = coreOf(app)
  const [exports = {}] = config === undefined ? [] : await importModules([config], folder)
  // They override the environment and yield to code.
  const settings = {
    ...settingsFrom(settingsIn(exports), undefined, `--config ${config}`),
    ...settingsFrom(source.settings),
  }
  if (Object.keys(settings).length > 0) core.configure('commandLine', settings)
  await importModules([...app.conf.include, ...app.conf.imports], folder)
  return { app, core, file: found?.file }
}

function appAmong(modules: readonly Exports[]): Lovage | undefined {
  for (const exports of modules) {
    const found = appIn(exports, 'The module of -I')
    if (found) return found.app
  }
  return undefined
}

/** A module's settings: its default export, else all exports that are neither functions nor classes. */
function settingsIn(exports: Exports): object {
  if (typeof exports.default === 'object' && exports.default !== null) return exports.default
  return Object.fromEntries(Object.entries(exports).filter(([, value]) => typeof value !== 'function'))
}

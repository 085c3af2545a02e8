import { ConfigurationError } from '../../kernel/index.js'
import { inertWarnings, type SettingsInput, settingsFrom, settingsFromEnvironment } from './sources.js'
import { SETTINGS, type Settings } from './table.js'

/** Where settings are set, strongest first. */
export type SettingsLayer = 'code' | 'commandLine' | 'environment'

/** The settings of each layer, and those in force: code before command line before environment before default. */
export class SettingsLayers {
  #layers: Readonly<Record<SettingsLayer, Partial<Settings>>>
  #conf: Settings
  readonly #warn: (warning: string) => void

  /**
   * @param warn is called for settings that are known and have no effect here, and for unknown ones in the environment.
   * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN for a misspelt setting, LVG_CONFIG_INVALID for an invalid value.
   */
  constructor(code: SettingsInput, env: NodeJS.ProcessEnv, warn: (warning: string) => void) {
    const environment = settingsFromEnvironment(env)
    this.#layers = { code: settingsFrom(code), commandLine: {}, environment: environment.settings }
    this.#conf = merge(this.#layers)
    this.#warn = warn
    const given = { ...environment.settings, ...this.#layers.code }
    for (const warning of [...environment.warnings, ...inertWarnings(given)]) warn(warning)
  }

  /** The settings in force. */
  get conf(): Settings {
    return this.#conf
  }

  /** Adds settings to a layer. */
  add(layer: SettingsLayer, settings: Partial<Settings>): void {
    this.#layers = { ...this.#layers, [layer]: { ...this.#layers[layer], ...settings } }
    this.#conf = merge(this.#layers)
    for (const warning of inertWarnings(settings)) this.#warn(warning)
  }
}

function merge({
  code,
  commandLine,
  environment,
}: Readonly<Record<SettingsLayer, Partial<Settings>>>): Settings {
  const values: Readonly<Record<string, unknown>> = { ...DEFAULTS, ...environment, ...commandLine, ...code }
  const conf = {}
  // Accessors, so that an assignment gets a more helpful error than "read only property".
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(conf, name, { enumerable: true, get: () => value, set: () => refuse(name) })
  Object.defineProperty(conf, 'update', { value: () => refuse() })
  // Each layer was checked against the table; the defaults come from the table.
  return Object.freeze(conf) as Settings
}

const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]),
)

/** Celery users assign to `app.conf`, or update it. */
function refuse(name = 'taskTimeLimit'): never {
  throw new ConfigurationError('app.conf is read-only.', {
    code: 'LVG_CONFIG_INVALID',
    hint: `Pass settings to the app, new Lovage('name', { ${name}: … }), or call app.configFromObject({ ${name}: … }) before it connects.`,
    details: { setting: name },
  })
}

import { brokerUrlFromEnvironment, databaseUrl } from '../../drivers/index.js'
import { ConfigurationError, nearest } from '../../kernel/index.js'
import { foreignSetting } from './foreign.js'
import { checkValue, parseValue, type Setting } from './kinds.js'
import { fromPython } from './python-forms.js'
import { SETTINGS, type SettingName, type Settings } from './table.js'

/** Settings as a user gives them: any of them, with `broker` and `backend` as short names for the URLs. */
export type SettingsInput = { readonly [Name in keyof Settings]?: Settings[Name] | undefined } & {
  /** The broker's URL: the setting `brokerUrl`. */
  readonly broker?: string | undefined
  /** Where results are: the setting `resultBackend`. */
  readonly backend?: string | undefined
}

/** Celery's and our short names, and names from before Celery 4.0 that no prefix explains, in camelCase. */
const ALIASES: Readonly<Record<string, string>> = {
  broker: 'brokerUrl',
  backend: 'resultBackend',
  taskResultExpires: 'resultExpires',
  sendEvents: 'workerSendTaskEvents',
  defaultRateLimit: 'taskDefaultRateLimit',
  sendTaskSentEvent: 'taskSendSentEvent',
  disableRateLimits: 'workerDisableRateLimits',
  messageCompression: 'taskCompression',
  eagerPropagatesExceptions: 'taskEagerPropagates',
  enableRemoteControl: 'workerEnableRemoteControl',
  redirectStdouts: 'workerRedirectStdouts',
  redirectStdoutsLevel: 'workerRedirectStdoutsLevel',
  maxCachedResults: 'resultCacheMax',
  resultDburi: 'databaseUrl',
  resultEngineOptions: 'databaseEngineOptions',
  resultDbShortLivedSessions: 'databaseShortLivedSessions',
  resultDbTablenames: 'databaseTableNames',
}
/** Prefixes from before Celery 4.0, and their replacements: CELERYD_CONCURRENCY, CELERYBEAT_SCHEDULE. */
const OLD_PREFIXES: Readonly<Record<string, readonly string[]>> = {
  celery: ['', 'task'],
  celeryd: ['', 'worker', 'task'],
  celerybeat: ['beat'],
}

/**
 * Converts any spelling (`CELERY_TASK_ROUTES`, `task_routes`, `taskRoutes`, `task-routes`, and Celery's old `CELERY_ROUTES`) to
 * the setting's name. An unknown name is returned in camelCase, without its prefix.
 */
export function settingName(spelling: string, namespace?: string): string {
  const own = (namespace && withoutPrefix(spelling, namespace)) || spelling
  const name = camelCase(own)
  if (isKnown(name)) return ALIASES[name] ?? name
  for (const [prefix, replacements] of Object.entries(OLD_PREFIXES)) {
    const rest = withoutPrefix(spelling, prefix)
    if (rest === undefined) continue
    const plain = camelCase(rest)
    const found = replacements.map((replacement) => joined(replacement, plain)).find(isKnown)
    return found === undefined ? plain : (ALIASES[found] ?? found)
  }
  return name
}

const isKnown = (name: string): boolean =>
  ALIASES[name] !== undefined || lookUp(name) !== undefined || foreignSetting(name) !== undefined

/** A name without the prefix it carries, as `CELERY_X`, `celery_x` or `celeryX`. */
function withoutPrefix(spelling: string, prefix: string): string | undefined {
  if (spelling.length <= prefix.length || !spelling.toLowerCase().startsWith(prefix.toLowerCase()))
    return undefined
  const rest = spelling.slice(prefix.length)
  if (/^[_-]./.test(rest)) return rest.slice(1)
  return /^[A-Z]/.test(rest) && spelling !== spelling.toUpperCase() ? rest : undefined
}

function camelCase(name: string): string {
  if (!/[_-]/.test(name) && name !== name.toUpperCase())
    return joined('', name.charAt(0).toLowerCase() + name.slice(1))
  return name.toLowerCase().replace(/[_-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

const joined = (first: string, second: string): string =>
  first === '' ? second : first + second.charAt(0).toUpperCase() + second.slice(1)

/**
 * Settings from an object in any spelling, checked. Unknown names are errors that suggest the nearest. With a namespace only
 * names that carry it are read, and texts are parsed as in an environment. Errors name `source`, if it is given.
 */
export function settingsFrom(given: object, namespace?: string, source?: string): Partial<Settings> {
  const settings: Record<string, unknown> = {}
  for (const [spelling, said] of Object.entries(given)) {
    if (said === undefined) continue
    if (namespace && (withoutPrefix(spelling, namespace) === undefined || COMMAND_VARIABLES.has(spelling)))
      continue
    const name = settingName(spelling, namespace)
    const setting = lookUp(name)
    if (!setting) {
      if (foreignSetting(name) === undefined) throw unknownSetting(spelling, name)
      settings[name] = said
      continue
    }
    const value = fromPython(name, said, typeof setting.default === 'boolean')
    if (value === undefined) continue
    const isText = namespace !== undefined && typeof value === 'string' && !setting.kind.accepts(value)
    if (!isText) checkValue(name, setting, value, source)
    settings[name] = isText ? parseValue(name, setting, value, spelling) : value
  }
  // Every value was checked against its kind above.
  return settings as Partial<Settings>
}

/** The settings from the environment: `CELERY_<NAME>`, and the broker from REDIS_URL or REDIS_HOST, _PORT and _DB. */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv): {
  settings: Partial<Settings>
  warnings: string[]
} {
  const settings: Record<string, unknown> = {}
  const warnings: string[] = []
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('CELERY_') || value === undefined) continue
    const name = settingName(variable, 'CELERY')
    const setting = lookUp(name)
    if (setting) settings[name] = parseValue(name, setting, value, `Environment variable ${variable}`)
    else if (foreignSetting(name) !== undefined) settings[name] = value
    else if (!COMMAND_VARIABLES.has(variable))
      warnings.push(`Environment variable ${variable} does not match any setting${nearestHint(name)}`)
  }
  settings.brokerUrl ??= brokerUrlFromEnvironment(env)
  if (settings.brokerUrl === undefined) delete settings.brokerUrl
  for (const name of ['brokerUrl', 'resultBackend']) {
    if (typeof settings[name] === 'string') settings[name] = databaseUrl(settings[name], env)
  }
  return { settings: settings as Partial<Settings>, warnings }
}

/** Variables that Celery's commands read and that are not settings. */
const COMMAND_VARIABLES = new Set([
  'CELERY_APP',
  'CELERY_BIN',
  'CELERY_LOG_LEVEL',
  'CELERY_LOG_FILE',
  'CELERY_CONFIG_MODULE',
  'CELERY_LOADER',
])

/** The settings among `given` that have no effect here, as sentences. */
export function inertWarnings(given: Partial<Settings>): string[] {
  return Object.keys(given).flatMap((name) => {
    const why = lookUp(name)?.inert ?? foreignSetting(name)
    return why ? [`Setting ${name} has no effect here: ${why}.`] : []
  })
}

function lookUp(name: string): Setting<unknown> | undefined {
  return Object.hasOwn(SETTINGS, name) ? SETTINGS[name as SettingName] : undefined
}

function unknownSetting(spelling: string, name: string): ConfigurationError {
  return new ConfigurationError(`Setting ${spelling} is not known${nearestHint(name)}`, {
    code: 'LVG_CONFIG_UNKNOWN',
    details: { setting: spelling },
    ...(/^(?:redis|connection|url|host|port)$/.test(name)
      ? { hint: "The server is a URL: broker: 'redis://localhost:6379/0'." }
      : {}),
  })
}

function nearestHint(name: string): string {
  const near = nearest(name, Object.keys(SETTINGS))
  return near ? `; did you mean ${near}?` : '.'
}

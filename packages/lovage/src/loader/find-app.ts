import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { isLovage, type Lovage } from '../app/index.js'
import { ConfigurationError } from '../kernel/index.js'
import { findModule } from './find-module.js'
import { type Exports, importFile } from './import-module.js'
import { isFile } from './typescript/index.js'

/** An app and where it came from. */
export interface FoundApp {
  readonly app: Lovage
  /** The file that exports it. */
  readonly file: string
  /** The name of the export. */
  readonly exportName: string
}

const HINT = 'Give -A the path of the file that exports your app: -A src/app.ts'

/** The app's spec, as given. */
export interface AppSpec {
  /** `module`, `module:export`. */
  readonly spec: string
  /** The source of the spec, for errors: `-A`, `CELERY_APP`, `package.json`. */
  readonly from: string
  readonly folder: string
}

/** The app's spec: `-A`, else CELERY_APP, else the field `lovage` of the nearest package.json. */
export function appSpec(
  given: string | undefined,
  env: NodeJS.ProcessEnv,
  folder: string,
): AppSpec | undefined {
  if (given) return { spec: given, from: '-A', folder }
  if (env.CELERY_APP) return { spec: env.CELERY_APP, from: 'CELERY_APP', folder }
  for (let place = folder; ; place = dirname(place)) {
    const spec = packageField(join(place, 'package.json'))
    if (spec !== undefined) {
      return spec === null
        ? undefined
        : { spec, from: `"lovage" in ${join(place, 'package.json')}`, folder: place }
    }
    if (dirname(place) === place) return undefined
  }
}

/**
 * Loads the app that a spec names.
 * @throws {ConfigurationError} LVG_APP_NOT_FOUND, listing where it looked.
 */
export async function loadApp({ spec, from, folder }: AppSpec): Promise<FoundApp> {
  const { name, exportName } = partsOf(spec)
  const { file, tried } = findModule(name, folder)
  if (file === undefined) {
    if (isFile(resolve(folder, name)))
      throw notFound(`${name} (${from}) is not a module: an app is exported by a .ts or .js file.`, HINT)
    throw notFound(
      `There is no module ${name} (${from}) in ${folder}. Looked for: ${tried.join(', ')}.`,
      HINT,
    )
  }
  const exports = await importFile(file)
  const shown = relative(folder, file) || file
  if (exportName !== undefined) return named(exports, exportName, file, shown)
  const found = appIn(exports, shown)
  if (!found) {
    const names = Object.keys(exports)
    throw notFound(
      `${shown} exports no app${names.length === 0 ? '; it exports nothing' : `; it exports ${names.join(', ')}`}.`,
      "Add: export const app = new Lovage('name')",
    )
  }
  return { ...found, file }
}

/** The app among a module's exports: `app`, `celery`, the default, or the only other one. */
export function appIn(exports: Exports, where: string): Pick<FoundApp, 'app' | 'exportName'> | undefined {
  for (const exportName of ['app', 'celery', 'default']) {
    const app = exports[exportName]
    if (isLovage(app)) return { app, exportName }
  }
  const others = Object.entries(exports).filter(([, value]) => isLovage(value))
  if (new Set(others.map(([, app]) => app)).size > 1) {
    const names = others.map(([name]) => name)
    throw notFound(
      `${where} exports ${names.length} apps: ${names.join(', ')}.`,
      `Say which: -A ${where}:${names[0]}`,
    )
  }
  const [only] = others
  return only && isLovage(only[1]) ? { app: only[1], exportName: only[0] } : undefined
}

function named(exports: Exports, exportName: string, file: string, shown: string): FoundApp {
  let value: unknown = exports
  for (const part of exportName.split('.'))
    value = typeof value === 'object' && value !== null ? (value as Exports)[part] : undefined
  if (isLovage(value)) return { app: value, file, exportName }
  const what = value === undefined ? 'is not exported' : 'is not an app'
  throw notFound(
    `${exportName} ${what} in ${shown}; it exports ${Object.keys(exports).join(', ') || 'nothing'}.`,
    `Export it: export const ${exportName} = new Lovage('name')`,
  )
}

/** `module:export`; the colon of a drive letter or a URL is part of the module. */
function partsOf(spec: string): { name: string; exportName?: string } {
  const [, name, exportName] = /^(.+?):([A-Za-z_$][\w$.]*)$/.exec(spec) ?? []
  return name === undefined || exportName === undefined ? { name: spec } : { name, exportName }
}

/** The field of a package.json; null = the file lacks the field, undefined = there is no such file. */
function packageField(path: string): string | null | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  let field: unknown
  try {
    // Only this field of the file is read, and its type is checked below.
    field = (JSON.parse(text) as { lovage?: unknown } | null)?.lovage
  } catch (cause) {
    throw new ConfigurationError(`${path} is not valid JSON.`, { code: 'LVG_CONFIG_INVALID', cause })
  }
  if (typeof field === 'object' && field !== null && 'app' in field) field = field.app
  return typeof field === 'string' ? field : null
}

function notFound(message: string, hint: string): ConfigurationError {
  return new ConfigurationError(message, { code: 'LVG_APP_NOT_FOUND', hint })
}

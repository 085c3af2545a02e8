import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '../kernel/index.js'
import { findModule } from './find-module.js'
import { isTypeScript, registerTypeScript } from './typescript/index.js'

/** A module's exports, by name. */
export type Exports = Readonly<Record<string, unknown>>

/** Imports a file, TypeScript or JavaScript. Errors thrown during its evaluation pass through unchanged. */
export async function importFile(file: string): Promise<Exports> {
  if (isTypeScript(file)) await registerTypeScript()
  const namespace = (await import(pathToFileURL(file).href)) as Exports
  // For a CommonJS module, Node names only the exports that it detects in the source; `default` has all.
  const all = namespace.default
  const isCommonJs = typeof all === 'object' && all !== null && !Array.isArray(all)
  return isCommonJs ? { ...ownEnumerable(all), ...namespace } : namespace
}

/**
 * Imports the modules that `-I` and the setting `include` name, as `findModule` finds them.
 * @throws {ConfigurationError} LVG_MODULE_NOT_FOUND, listing where it looked.
 */
export async function importModules(names: readonly string[], folder: string): Promise<readonly Exports[]> {
  const modules: Exports[] = []
  for (const name of names) {
    const { file, tried } = findModule(name, folder)
    if (file === undefined) {
      throw new ConfigurationError(
        `There is no module ${name} in ${folder}. Looked for: ${tried.join(', ')}.`,
        {
          code: 'LVG_MODULE_NOT_FOUND',
          details: { name, folder, tried },
        },
      )
    }
    modules.push(await importFile(file))
  }
  return modules
}

/** Only a module's own plain data: an app as the default export must not be spread. */
function ownEnumerable(value: object): Exports {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? { ...value } : {}
}

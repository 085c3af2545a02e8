import type { AppCore } from './app-core.js'

/** The key under which an app holds its core; a registered symbol, so that another installed copy of this package finds it too. */
const CORE = Symbol.for('lovage.app')

/** Attaches a core to its app. */
export function setCore(app: object, core: AppCore): void {
  Object.defineProperty(app, CORE, { value: core })
}

/** Whether a value is an app, made by any installed copy of this package. */
export const hasCore = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && CORE in value

/** The core of an app. */
export function coreOf(app: object): AppCore {
  // Only `setCore` writes there.
  return (app as Readonly<Record<symbol, AppCore>>)[CORE] as AppCore
}

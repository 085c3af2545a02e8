import type { AppCore } from './app-core.js'

/** Where an app has its core; a registered symbol, so that another installed copy of this package finds it too. */
const CORE = Symbol.for('lovage.app')

/** Gives an app its core. */
export function setCore(app: object, core: AppCore): void {
  Object.defineProperty(app, CORE, { value: core })
}

/** Whether a value is an app, whichever installed copy of this package made it. */
export const hasCore = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && CORE in value

/** The core of an app. */
export function coreOf(app: object): AppCore {
  // `setCore` alone writes there.
  return (app as Readonly<Record<symbol, AppCore>>)[CORE] as AppCore
}

/** Marks apps, also those of another installed copy of this package, which `instanceof` would not know. */
export const APP_MARK = Symbol.for('lovage.app')

export function markAsApp(app: object): void {
  Object.defineProperty(app, APP_MARK, { value: true })
}

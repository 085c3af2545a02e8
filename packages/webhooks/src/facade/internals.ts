import type { Lovage } from 'lovage'
import type { WebhookSettings } from './options.js'
import type { Webhooks } from './webhooks.js'

/** The settings of webhooks, for the other rooms of this package. */
const SETTINGS = new WeakMap<object, WebhookSettings>()

/** The webhooks of an app, across copies of this package: the command may run from another copy than the app's. */
const BY_APP = Symbol.for('lovage.webhooks')

export function remember(app: Lovage, hooks: Webhooks, settings: WebhookSettings): void {
  SETTINGS.set(hooks, settings)
  byApp().set(app, hooks)
}

/** @throws {TypeError} when these webhooks were made by another copy of this package. */
export function internalsOf(hooks: Webhooks): WebhookSettings {
  const settings = SETTINGS.get(hooks)
  if (!settings)
    throw new TypeError('These webhooks were made by another copy of @lovage/webhooks: install it once.')
  return settings
}

/**
 * The webhooks that `webhooks(app)` added to an app; undefined if it was not called.
 *
 * @example
 * import { webhooksOf } from '@lovage/webhooks'
 * const hooks = webhooksOf(app) // undefined if the app has none
 */
export function webhooksOf(app: Lovage): Webhooks | undefined {
  return byApp().get(app)
}

function byApp(): WeakMap<object, Webhooks> {
  const place = globalThis as { [BY_APP]?: WeakMap<object, Webhooks> }
  place[BY_APP] ??= new WeakMap()
  return place[BY_APP]
}

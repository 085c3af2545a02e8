import { Lovage } from 'lovage'
import { loadApp } from 'lovage/driver'
import { type Webhooks, webhooks, webhooksOf } from '../facade/index.js'
import { type Given, textOf } from './shared/command.js'

/** The webhooks of the app that is named; without an app, or in one without webhooks, those of the environment. */
export async function openHooks(given: Given): Promise<Webhooks> {
  const [app, broker, store] = ['app', 'broker', 'store'].map((name) => textOf(given, name))
  const settings = broker === undefined ? {} : { broker }
  const opened =
    (await loadApp({ ...(app === undefined ? {} : { app }), settings })) ?? new Lovage('webhooks', settings)
  const own = webhooksOf(opened)
  if (own && store !== undefined)
    opened.logger.warn(
      { option: '--store' },
      '--store has no effect: the app adds its own webhooks, with their store',
    )
  return own ?? webhooks(opened, store === undefined ? {} : { store })
}

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError, Lovage } from 'lovage'
import type { WebhooksPort } from './webhooks-port.js'

/** Webhooks that were opened here, with the app that publishes their tasks. */
export interface OpenWebhooks extends AsyncDisposable {
  readonly webhooks: WebhooksPort
}

const NAME = '@lovage/webhooks'

/**
 * Opens the webhooks of a store. Their tasks are registered in an app of its own: the watched one stays as it is.
 * @param app The app whose broker runs the deliveries.
 * @param store `postgresql://…` or `sqlite:///path`.
 * @throws {ConfigurationError} LVG_DRIVER_MISSING without the package `@lovage/webhooks`.
 */
export async function openWebhooks(app: Lovage, store: string, queue: string): Promise<OpenWebhooks> {
  const { webhooks } = await load()
  const own = new Lovage('webhooks', { ...app.conf, logger: app.logger })
  const opened = webhooks(own, { store, ...(queue === '' ? {} : { queue }) })
  return {
    webhooks: opened,
    async [Symbol.asyncDispose]() {
      await opened.close()
      await own.close()
    },
  }
}

interface WebhooksPackage {
  webhooks(app: Lovage, options: { readonly store: string; readonly queue?: string }): WebhooksPort
}

/** Loads the package from the project, or from where this package is installed. */
async function load(): Promise<WebhooksPackage> {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const path = resolved(from)
    // The package's own door; its form is checked by a test.
    if (path !== undefined) return (await import(pathToFileURL(path).href)) as WebhooksPackage
  }
  throw new ConfigurationError(`Showing webhooks needs the package ${NAME}: npm install ${NAME}`, {
    code: 'LVG_DRIVER_MISSING',
    details: { package: NAME },
  })
}

function resolved(from: string): string | undefined {
  try {
    return createRequire(from).resolve(NAME)
  } catch (error) {
    // Any error other than its absence is reported.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

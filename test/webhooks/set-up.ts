import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EventSchemas, type WebhooksOptions, webhooks } from '@lovage/webhooks'
import type { Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'

/** Options that let tests deliver to loopback, and wait little. */
export const FAST = {
  allowedCidrs: ['127.0.0.0/8'],
  allowHttp: true,
  minTimeoutMs: 50,
  schedule: { taskBackoffMs: 20, jitter: 0 },
} as const satisfies WebhooksOptions

/** Webhooks of a test: an app in memory with a worker, a SQLite store of its own, gone when it is disposed of. */
export async function setUpWebhooks<const Events extends EventSchemas = Readonly<Record<string, never>>>(
  options: WebhooksOptions<Events> = {},
  given: { readonly app?: Lovage; readonly concurrency?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-'))
  const app = given.app ?? createTestApp('hooks')
  const hooks = webhooks(app, { store: `sqlite://${join(folder, 'webhooks.db')}`, ...FAST, ...options })
  const worker = await startTestWorker(app, { concurrency: given.concurrency ?? 20 })
  return {
    app,
    hooks,
    worker,
    folder,
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]()
      await app.close()
      await hooks.close()
      rmSync(folder, { recursive: true })
    },
  }
}

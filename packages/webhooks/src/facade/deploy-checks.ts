import type { Lovage } from 'lovage'
import { WebhookError } from '../domain/index.js'
import type { WebhookStore } from '../store/index.js'
import type { WebhookSettings } from './options.js'

/** Adds the checks for `lovage doctor` and `lovage check --deploy`: the store, the keys, the deliveries, the allowed addresses. */
export function addDeployChecks(
  app: Lovage,
  settings: WebhookSettings,
  store: () => Promise<WebhookStore>,
): void {
  const { sweepEveryS } = settings
  app.deployChecks.push(
    {
      name: 'webhooks: store',
      advice: 'Check that it runs, its URL, and the credentials.',
      run: async () => `${(await store()).kind}, up to date`,
    },
    {
      name: 'webhooks: keys',
      advice: 'Put every key that is still in use into the ring, newest first.',
      async run() {
        const vault = settings.vault()
        const secrets = await (await store()).endpoints.secrets({ nowMs: app.clock.now() })
        const identities = await (await store()).endpoints.tls()
        const all = [...secrets, ...identities]
        for (const { id, sealed } of all) vault.open(sealed, id)
        const old = all.filter(({ sealed }) => vault.isOld(sealed)).length
        const tls = identities.length > 0 ? ` and ${identities.length} TLS identities` : ''
        return `${secrets.length} secrets${tls} open${old > 0 ? `, ${old} of them with an old key: lovage-webhooks reseal` : ''}`
      },
    },
    {
      name: 'webhooks: backlog',
      advice: 'Run more workers on the queue of webhooks, and a beat for the sweeper.',
      async run() {
        const { byState, oldestPendingMs } = await (await store()).deliveries.counts(app.clock.now())
        const lateMs = oldestPendingMs ?? 0
        if (lateMs > settings.staleAfterMs + 2_000 * sweepEveryS)
          throw new WebhookError(
            `a delivery has waited for ${Math.round(lateMs / 1000)} s: does a beat run ${'webhooks.retry_failed_deliveries'}?`,
            {
              code: 'LVG_WEBHOOK_STATE',
            },
          )
        return `pending ${byState.pending ?? 0}, under way ${byState.processing ?? 0}, failed ${byState.failed ?? 0}`
      },
    },
    {
      name: 'webhooks: addresses',
      run: () =>
        [
          settings.address.allowHttp ? 'http: is allowed' : 'https: only',
          `${settings.address.allowed.length} private ranges allowed`,
        ].join(', '),
    },
  )
}

import { portalLink } from '../../service/index.js'
import { type Command, durationOf, textOf } from '../shared/command.js'

/** `lovage-webhooks portal`. */
export const portal: Command = {
  name: 'portal',
  summary: 'prints a short-lived link to a tenant’s portal',
  forms: [''],
  options: {
    'public-url': {
      type: 'string',
      value: 'URL',
      help: 'where the service is seen (default: http://127.0.0.1:8071)',
    },
    ttl: { type: 'string', value: 'TIME', help: 'the link opens the portal for so long (default: 15m)' },
  },
  examples: ['portal --tenant acme --public-url https://hooks.example.com'],
  async run({ hooks, given, tenant, out }) {
    const { path, expiresAtMs } = portalLink(hooks, tenant, durationOf(given, 'ttl'))
    const url = `${(textOf(given, 'public-url') ?? 'http://127.0.0.1:8071').replace(/\/$/, '')}${path}`
    out.value({ url, expiresAtMs }, url)
    return undefined
  },
}

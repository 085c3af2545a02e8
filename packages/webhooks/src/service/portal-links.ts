import type { Webhooks } from '../facade/index.js'
import { internalsOf } from '../facade/index.js'

/** A link's or a session's holder: whose portal it opens, until when. */
export interface PortalPass {
  readonly tenant: string
  readonly untilMs: number
}

const DEFAULT_TTL_MS = 900_000

/**
 * A pass as a text that shows nothing and cannot be made up: it is encrypted with the ring of keys, bound to its purpose, so that a link
 * is no session and a session no link.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { openPass, sealPass } from '@lovage/webhooks/service'
 * const hooks = webhooks(app)
 * const pass = openPass(hooks, 'link', 'the text of the link')
 * const session = pass && sealPass(hooks, 'session', pass)
 */
export function sealPass(hooks: Webhooks, purpose: 'link' | 'session', pass: PortalPass): string {
  const sealed = internalsOf(hooks).vault().seal(JSON.stringify(pass), `portal-${purpose}`)
  return Buffer.from(sealed).toString('base64url')
}

/**
 * The pass in a text; undefined when it was changed, was made for something else, or has ended.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { openPass } from '@lovage/webhooks/service'
 * const pass = openPass(webhooks(app), 'link', 'the text of the link')
 */
export function openPass(hooks: Webhooks, purpose: 'link' | 'session', text: string): PortalPass | undefined {
  let pass: PortalPass
  try {
    // Only `sealPass` seals for this purpose.
    pass = JSON.parse(
      internalsOf(hooks).vault().open(Buffer.from(text, 'base64url'), `portal-${purpose}`),
    ) as PortalPass
  } catch {
    // Whatever is wrong with a stranger's text, it opens nothing.
    return undefined
  }
  return pass.untilMs > hooks.app.clock.now() ? pass : undefined
}

/**
 * The address of a portal link, below the service's own.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { portalLink } from '@lovage/webhooks/service'
 * const { path, expiresAtMs } = portalLink(webhooks(app), 'acme', 600_000)
 */
export function portalLink(hooks: Webhooks, tenant: string, ttlMs: number = DEFAULT_TTL_MS) {
  const expiresAtMs = hooks.app.clock.now() + ttlMs
  const pass = sealPass(hooks, 'link', { tenant, untilMs: expiresAtMs })
  return { path: `/portal/open?pass=${pass}`, expiresAtMs }
}

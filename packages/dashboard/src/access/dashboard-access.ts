import type { Context, MiddlewareHandler } from 'hono'
import { type Login, personOf } from './basic-access.js'
import type { DashboardEnv } from './dashboard-env.js'
import { isForeign } from './is-foreign.js'
import type { NamePattern } from './name-pattern.js'
import type { Person, Role } from './person.js'
import type { Sessions } from './sessions.js'
import type { TrustedProxy } from './trusted-proxy.js'

/** The ways in. Without any of them the dashboard is open. */
export interface AccessOptions {
  readonly logins: readonly Login[]
  /** Signed-in browsers. */
  readonly sessions?: Sessions
  readonly proxy?: TrustedProxy
  /** Who may come in among those that a provider or the proxy vouches for. Default: all. */
  readonly admits?: NamePattern
  readonly roleOf: (name: string) => Role
  readonly prefix: string
  /** The dashboard's address for browsers (`https://flower.example.com`), when it is known. */
  readonly origin?: string
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
const ANYBODY: Person = { name: 'anybody', role: 'admin' }

/** Lets in users that a trusted proxy names, that have signed in, or that know a password. */
export function dashboardAccess(options: AccessOptions): MiddlewareHandler<DashboardEnv> {
  const { logins, sessions, prefix, origin } = options
  return async (c, next) => {
    const person = await personIn(c, options)
    if (person === 'denied')
      return c.body('Access denied: your name is not among those that are let in.', 403)
    if (!person) {
      if (sessions && isVisit(c)) {
        // A mounted app sees its path without the prefix.
        const { pathname, search } = new URL(c.req.url)
        return c.redirect(`${prefix}/login?next=${encodeURIComponent(`${prefix}${pathname}${search}`)}`)
      }
      const challenge = logins.length > 0 ? { 'www-authenticate': 'Basic realm="flower"' } : {}
      return c.body('Access denied', 401, challenge)
    }
    if (!READS.has(c.req.method) && isForeign(c, origin))
      return c.body('Requests from other sites may not change anything here.', 403)
    c.set('person', person)
    // What one user has seen is not kept for the next one at the same browser.
    if (sessions) c.header('cache-control', 'no-store')
    return next()
  }
}

async function personIn(
  c: Context,
  { logins, sessions, proxy, admits = () => true, roleOf }: AccessOptions,
): Promise<Person | 'denied' | undefined> {
  const vouched = proxy?.nameOf(c)
  if (vouched !== undefined) return admits(vouched) ? { name: vouched, role: roleOf(vouched) } : 'denied'
  const name = await sessions?.nameOf(c)
  // The pattern may have become narrower since the user signed in.
  if (name !== undefined && admits(name)) return { name, role: roleOf(name), hasSession: true }
  if (logins.length > 0) return personOf(logins, c.req.header('authorization'))
  return sessions || proxy ? undefined : ANYBODY
}

/** Whether a browser goes to a page: scripts and programs get an answer instead of a way to sign in. */
function isVisit(c: Context): boolean {
  if (c.req.method !== 'GET') return false
  const mode = c.req.header('sec-fetch-mode')
  return mode === undefined ? (c.req.header('accept') ?? '').includes('text/html') : mode === 'navigate'
}

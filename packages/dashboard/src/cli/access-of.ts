import type { Hono, MiddlewareHandler } from 'hono'
import { ConfigurationError } from 'lovage'
import { loginOf } from '../access/basic-access.js'
import { dashboardAccess } from '../access/dashboard-access.js'
import type { DashboardEnv } from '../access/dashboard-env.js'
import type { EndedSessions } from '../access/ended-sessions.js'
import { namePattern } from '../access/name-pattern.js'
import { providerOf } from '../access/oauth/provider-of.js'
import { signInRoutes } from '../access/oauth/sign-in.js'
import { rolesOf } from '../access/roles-of.js'
import { Sessions } from '../access/sessions.js'
import { SignedText } from '../access/signed-text.js'
import { trustedProxy } from '../access/trusted-proxy.js'
import type { Fleet } from '../fleets/fleet.js'
import type { OpenDashboard } from '../opening/open-dashboard.js'
import { signInView } from '../pages/index.js'
import type { CommandOptions } from './flower-options.js'

/** The ways in, as the options say. */
export interface CommandAccess {
  /** Whether anyone who reaches the dashboard is let in. */
  readonly isOpen: boolean
  readonly middleware: MiddlewareHandler<DashboardEnv>
  /** Signing in and out; public. */
  readonly routes: readonly Hono<DashboardEnv>[]
}

/** Remembers ended sessions in a fleet's history; while that cannot be reached, those that were ended here. */
function endedIn({ store, app }: Fleet): EndedSessions {
  const here = new Set<string>()
  const lost = (error: unknown): void =>
    app.logger.error(
      { err: error },
      'the history cannot be reached: who has signed out elsewhere is not known',
    )
  return {
    async endSession(id, expiresMs) {
      here.add(id)
      await store.endSession(id, expiresMs).catch(lost)
    },
    async isSessionEnded(id) {
      if (here.has(id)) return true
      return store.isSessionEnded(id).catch((error: unknown) => {
        lost(error)
        return false
      })
    },
  }
}

const HOUR_MS = 3_600_000

/**
 * Reads who may come in: passwords, an identity provider, a proxy.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for options that lack each other, or cannot be understood.
 */
export function accessOf(
  dashboard: OpenDashboard,
  options: CommandOptions,
  env: Readonly<Record<string, string | undefined>>,
): CommandAccess {
  const { auth, proxyUserHeader, trustedProxies } = options
  const { prefix } = dashboard
  const logins = options.basicAuth.map(loginOf)
  const hasProvider = options.authProvider !== '' || options.oauth2Key !== ''
  if (auth !== '' && !hasProvider && proxyUserHeader === '')
    throw wrong(
      '--auth says who is let in, but not who vouches for them.',
      'Add --auth-provider, --oauth2-key, --oauth2-secret and --oauth2-redirect-uri; or --proxy-user-header.',
    )
  const roleOf = rolesOf(options)
  const proxy = proxyUserHeader === '' ? undefined : trustedProxy(proxyUserHeader, trustedProxies)
  const admits = auth === '' ? undefined : namePattern(auth, 'auth')
  const common = {
    logins,
    roleOf,
    prefix,
    ...(proxy ? { proxy } : {}),
    ...(admits ? { admits } : {}),
  }
  if (!hasProvider)
    return { isOpen: logins.length === 0 && !proxy, middleware: dashboardAccess(common), routes: [] }

  const { key, secret, redirectUri } = clientOf(options)
  if (!admits) throw wrong('--auth is missing: nobody would be let in.', 'For instance: --auth=*@example.com')
  const { origin, protocol } = new URL(redirectUri)
  const signed = new SignedText(options.cookieSecret)
  const sessions = new Sessions({
    signed,
    prefix,
    lifetimeMs: options.sessionHours * HOUR_MS,
    isSecure: protocol === 'https:',
    ended: endedIn(dashboard.fleetOf(undefined)),
  })
  const routes = signInRoutes({
    provider: providerOf(options.authProvider, env),
    client: { key, secret, redirectUri },
    admits,
    sessions,
    signed,
    prefix,
    view: (message) => signInView(prefix, message),
    onEvent: ({ kind, name, error }) => {
      const { logger } = dashboard.fleetOf(undefined).app
      if (kind === 'refused')
        logger.warn({ name, ...(error ? { err: error } : {}) }, `${name} was not let in`)
      else logger.info({ name }, `${name}: ${kind}`)
    },
  })
  return { isOpen: false, middleware: dashboardAccess({ ...common, sessions, origin }), routes: [routes] }
}

function clientOf({ authProvider, oauth2Key, oauth2Secret, oauth2RedirectUri }: CommandOptions) {
  const missing = Object.entries({
    '--auth-provider': authProvider,
    '--oauth2-key': oauth2Key,
    '--oauth2-secret': oauth2Secret,
    '--oauth2-redirect-uri': oauth2RedirectUri,
  }).flatMap(([name, value]) => (value === '' ? [name] : []))
  if (missing.length > 0)
    throw wrong(`Signing in needs ${missing.join(', ')} as well.`, 'The provider gives key and secret.')
  if (!/^https?:\/\//.test(oauth2RedirectUri) || !URL.canParse(oauth2RedirectUri))
    throw wrong(
      `--oauth2-redirect-uri is no URL: ${JSON.stringify(oauth2RedirectUri)}.`,
      'It is the address of /login for browsers: https://flower.example.com/login',
    )
  return { key: oauth2Key, secret: oauth2Secret, redirectUri: oauth2RedirectUri }
}

const wrong = (message: string, hint: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID', hint })

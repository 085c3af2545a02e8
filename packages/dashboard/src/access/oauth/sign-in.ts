import { type Context, Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { DashboardEnv } from '../../access/dashboard-env.js'
import { isForeign } from '../is-foreign.js'
import { localPath } from '../local-path.js'
import type { NamePattern } from '../name-pattern.js'
import type { Sessions } from '../sessions.js'
import type { SignedText } from '../signed-text.js'
import { beginSignIn, endSignIn, type OAuthClient, type Pending } from './authorization.js'
import { type Provider, SignInError } from './provider.js'

/** What a user reads who is not signed in. */
export interface SignInMessage {
  readonly title: string
  readonly message: string
  /** Where to sign in. */
  readonly href: string
  readonly status: 200 | 400 | 403 | 502
}

/** The ports of signing in. */
export interface SignInOptions {
  readonly provider: Provider
  readonly client: OAuthClient
  readonly admits: NamePattern
  readonly sessions: Sessions
  readonly signed: SignedText
  readonly prefix: string
  readonly view: (message: SignInMessage) => string | Promise<string>
  /** Called for every sign-in, sign-out and refusal, for the logs. */
  readonly onEvent: (event: {
    readonly kind: 'sign-in' | 'sign-out' | 'refused'
    readonly name: string
    readonly error?: unknown
  }) => void
}

const COOKIE = 'lovage_sign_in'
const PURPOSE = 'sign-in'
/** How long a sign-in may take at the provider. */
const PENDING_MS = 600_000

/** `/login`, which begins a sign-in and takes the provider's answer, as in Flower; and `/logout`. */
export function signInRoutes(options: SignInOptions): Hono<DashboardEnv> {
  const { provider, client, admits, sessions, signed, prefix, view, onEvent } = options
  const app = new Hono<DashboardEnv>()
  const login = `${prefix}/login`
  const cookie = { ...sessions.cookie, path: login }

  const show = async (c: Context, status: SignInMessage['status'], title: string, message: string) => {
    c.header('cache-control', 'no-store')
    return c.html(await view({ title, message, href: login, status }), status)
  }

  app.get('/login', async (c) => {
    c.header('cache-control', 'no-store')
    const answer = new URL(c.req.url).searchParams
    if (!answer.has('code') && !answer.has('error')) {
      const { location, pending } = await beginSignIn(provider, client)
      const next = localPath(prefix, answer.get('next') ?? '')
      const value = signed.sign(PURPOSE, { ...pending, next }, Date.now() + PENDING_MS)
      setCookie(c, COOKIE, value, { ...cookie, maxAge: PENDING_MS / 1000 })
      return c.redirect(location)
    }
    // What was signed for this purpose is a sign-in on its way.
    const pending = signed.read(PURPOSE, getCookie(c, COOKIE) ?? '', Date.now()) as
      | (Pending & { readonly next: string })
      | undefined
    deleteCookie(c, COOKIE, cookie)
    if (!pending) throw new SignInError(400, 'This sign-in took too long, or was begun in another browser.')
    const addresses = await endSignIn(provider, client, answer, pending)
    const name = addresses.find(admits)
    if (name === undefined) {
      const [first] = addresses
      onEvent({ kind: 'refused', name: first ?? 'no verified address' })
      throw new SignInError(
        403,
        first === undefined
          ? `Access denied: ${provider.name} has verified no e-mail address of yours.`
          : `Access denied to '${first}'. Please use another account or ask your admin to add your email to --auth.`,
      )
    }
    sessions.begin(c, name)
    onEvent({ kind: 'sign-in', name })
    return c.redirect(pending.next, 303)
  })

  app.on(['GET', 'POST'], '/logout', async (c) => {
    if (isForeign(c, new URL(client.redirectUri).origin))
      return c.body('Requests from other sites may not change anything here.', 403)
    const name = await sessions.end(c)
    if (name !== undefined) onEvent({ kind: 'sign-out', name })
    return show(c, 200, 'Signed out', 'You are signed out here.')
  })

  app.onError((error, c) => {
    if (!(error instanceof SignInError)) throw error
    if (error.status === 502) onEvent({ kind: 'refused', name: provider.name, error: error.cause })
    return show(c, error.status, 'Not signed in', error.message)
  })
  return app
}

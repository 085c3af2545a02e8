import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Webhooks } from '../facade/index.js'
import { openPass, sealPass } from '../service/index.js'

/** A visitor's session: whose portal it is, and the token that its forms carry. */
export interface Session {
  readonly tenant: string
  readonly token: string
}

const COOKIE = 'lovage_portal'
const SESSION_MS = 3_600_000

/** Exchanges a link's pass for a session in a cookie; false when the pass opens nothing. */
export function enter(c: Context, hooks: Webhooks, isSecure: boolean): boolean {
  const pass = openPass(hooks, 'link', c.req.query('pass') ?? '')
  if (!pass) return false
  const untilMs = hooks.app.clock.now() + SESSION_MS
  // Lax, because the link that leads here is on another site; forms carry a token, too.
  setCookie(c, COOKIE, sealPass(hooks, 'session', { tenant: pass.tenant, untilMs }), {
    httpOnly: true,
    sameSite: 'Lax',
    secure: isSecure,
    path: '/portal',
    maxAge: SESSION_MS / 1000,
  })
  return true
}

/** The session of a request; undefined without one. */
export function sessionOf(c: Context, hooks: Webhooks): Session | undefined {
  const cookie = getCookie(c, COOKIE) ?? ''
  const pass = openPass(hooks, 'session', cookie)
  return pass && { tenant: pass.tenant, token: tokenOf(cookie) }
}

export const leave = (c: Context): void => void deleteCookie(c, COOKIE, { path: '/portal' })

/** Whether a form was made for this session: another site cannot read the cookie that its token is derived from. */
export function isOwnForm({ token }: Session, given: string): boolean {
  const [own, other] = [Buffer.from(token), Buffer.from(given)]
  return own.length === other.length && timingSafeEqual(own, other)
}

const tokenOf = (cookie: string): string => createHash('sha256').update(`form ${cookie}`).digest('base64url')

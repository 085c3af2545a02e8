import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { EndedSessions } from './ended-sessions.js'
import type { SignedText } from './signed-text.js'

/** The options of sessions. */
export interface SessionOptions {
  readonly signed: SignedText
  /** The lifetime of a session; afterwards the user signs in again. */
  readonly lifetimeMs: number
  readonly prefix: string
  /** Cookies are sent over HTTPS alone. */
  readonly isSecure: boolean
  readonly ended: EndedSessions
  readonly now?: () => number
}

interface Session {
  readonly id: string
  readonly name: string
}

const COOKIE = 'lovage_session'
const PURPOSE = 'session'

/** Sessions of users, kept in signed cookies; those that were ended early are remembered until they would have expired, through restarts. */
export class Sessions {
  readonly #options: SessionOptions
  readonly #now: () => number

  constructor(options: SessionOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  begin(c: Context, name: string): void {
    const { signed, lifetimeMs } = this.#options
    const session: Session = { id: randomUUID(), name }
    setCookie(c, COOKIE, signed.sign(PURPOSE, session, this.#now() + lifetimeMs), {
      ...this.cookie,
      maxAge: Math.floor(lifetimeMs / 1000),
    })
  }

  /** The name of the session's user; undefined without a valid session. */
  async nameOf(c: Context): Promise<string | undefined> {
    const session = this.#sessionOf(c)
    return session && !(await this.#options.ended.isSessionEnded(session.id)) ? session.name : undefined
  }

  /** Ends a session: every copy of its cookie becomes invalid. Returns its user. */
  async end(c: Context): Promise<string | undefined> {
    const session = this.#sessionOf(c)
    deleteCookie(c, COOKIE, this.cookie)
    if (!session) return undefined
    await this.#options.ended.endSession(session.id, this.#now() + this.#options.lifetimeMs)
    return session.name
  }

  /** The attributes of the dashboard's cookies. */
  get cookie() {
    const { prefix, isSecure } = this.#options
    return { path: prefix === '' ? '/' : prefix, httpOnly: true, sameSite: 'Lax', secure: isSecure } as const
  }

  #sessionOf(c: Context): Session | undefined {
    // What was signed for this purpose is a session.
    return this.#options.signed.read(PURPOSE, getCookie(c, COOKIE) ?? '', this.#now()) as Session | undefined
  }
}

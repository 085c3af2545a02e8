import { type AuthorizationServer, allowInsecureRequests, type TokenEndpointResponse } from 'oauth4webapi'

/** An identity provider. */
export interface Provider {
  /** In words: `Google`. */
  readonly name: string
  readonly scope: string
  /** Whether it speaks OpenID Connect: it then signs the user's claims. */
  readonly isOpenId: boolean
  /** Its endpoints. @throws when it cannot be asked. */
  server(): Promise<AuthorizationServer>
  /** The user's e-mail addresses that it has verified, the preferred one first. @throws {SignInError} when the user is not let in. */
  addresses(
    server: AuthorizationServer,
    tokens: TokenEndpointResponse,
    client: { readonly client_id: string },
  ): Promise<readonly string[]>
}

/** A sign-in that cannot go on, with a sentence for the user. */
export class SignInError extends Error {
  readonly status: 400 | 403 | 502

  constructor(status: SignInError['status'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SignInError'
    this.status = status
  }
}

const TIMEOUT_MS = 10_000
const signal = (): AbortSignal => AbortSignal.timeout(TIMEOUT_MS)

/** The options of requests to a provider. Plain HTTP is for this machine alone. */
export const requestOptions = (url: string) => ({ signal, [allowInsecureRequests]: isLocal(url) })

/** Whether a URL is plain HTTP to this machine. */
export function isLocal(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

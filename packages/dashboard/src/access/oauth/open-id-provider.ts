import {
  type AuthorizationServer,
  discoveryRequest,
  getValidatedIdTokenClaims,
  processDiscoveryResponse,
  processUserInfoResponse,
  userInfoRequest,
} from 'oauth4webapi'
import { type Provider, requestOptions, SignInError } from './provider.js'

/** A provider that speaks OpenID Connect, by its issuer: Google, GitLab, Okta, Keycloak, Authelia. */
export function openIdProvider({
  name,
  issuer,
  scope = 'openid email',
  admits,
}: {
  readonly name: string
  readonly issuer: string
  readonly scope?: string
  /** A further condition, asked with the user's access token. */
  readonly admits?: (accessToken: string) => Promise<boolean>
}): Provider {
  const options = requestOptions(issuer)
  let discovered: Promise<AuthorizationServer> | undefined
  const discover = async (): Promise<AuthorizationServer> => {
    const url = new URL(issuer)
    return processDiscoveryResponse(url, await discoveryRequest(url, options))
  }
  return {
    name,
    scope,
    isOpenId: true,
    server: () => {
      discovered ??= discover().catch((error: unknown) => {
        // The next sign-in asks again.
        discovered = undefined
        throw error
      })
      return discovered
    },
    async addresses(server, tokens, client) {
      const claims = getValidatedIdTokenClaims(tokens)
      if (!claims) return []
      let { email, email_verified: isVerified } = claims
      if (email === undefined && server.userinfo_endpoint !== undefined) {
        const response = await userInfoRequest(server, client, tokens.access_token, options)
        const info = await processUserInfoResponse(server, client, claims.sub, response)
        ;({ email, email_verified: isVerified } = info)
      }
      if (admits && !(await admits(tokens.access_token)))
        throw new SignInError(403, `Access denied: your account is in none of the groups that are let in.`)
      return typeof email === 'string' && isVerified === true ? [email] : []
    },
  }
}

import { protectedResourceRequest } from 'oauth4webapi'
import { z } from 'zod'
import { type Provider, requestOptions } from './provider.js'

const Addresses = z.array(
  z.object({ email: z.string(), verified: z.boolean(), primary: z.boolean().optional() }),
)

/**
 * GitHub, which speaks OAuth 2 without OpenID Connect: its own API names the addresses that it has verified.
 * @param site `https://github.com`, or a company's own server.
 */
export function gitHubProvider(site: string): Provider {
  const options = requestOptions(site)
  const { host, protocol } = new URL(site)
  // GitHub's own sites have a host for their API; a company's server has a path.
  const api = /(?:^|\.)(?:github|ghe)\.com$/.test(host) ? `${protocol}//api.${host}` : `${site}/api/v3`
  return {
    name: 'GitHub',
    scope: 'user:email',
    isOpenId: false,
    server: async () => ({
      issuer: site,
      authorization_endpoint: `${site}/login/oauth/authorize`,
      token_endpoint: `${site}/login/oauth/access_token`,
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    }),
    async addresses(_server, { access_token: token }) {
      const headers = new Headers({ accept: 'application/vnd.github+json', 'user-agent': 'lovage-dashboard' })
      const response = await protectedResourceRequest(
        token,
        'GET',
        new URL(`${api}/user/emails`),
        headers,
        null,
        options,
      )
      if (!response.ok) throw new Error(`${api}/user/emails answers ${response.status}`)
      return Addresses.parse(await response.json())
        .filter(({ verified }) => verified)
        .sort((one, other) => Number(other.primary ?? false) - Number(one.primary ?? false))
        .map(({ email }) => email)
    },
  }
}

import { createHash, randomUUID, type webcrypto } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The user of the provider, and what it says of them. */
export interface IdentityUser {
  email: string
  isVerified: boolean
  /** GitHub's list of addresses. */
  emails: readonly { readonly email: string; readonly verified: boolean; readonly primary: boolean }[]
  /** GitLab's groups, with the user's access level in each. */
  groups: readonly { readonly full_path: string; readonly level: number }[]
}

/** An identity provider on a free port: OpenID Connect (also Okta's and GitLab's), and GitHub's OAuth 2. */
export interface IdentityProvider extends AsyncDisposable {
  readonly url: string
  readonly user: IdentityUser
  /** Changes the claims of the next ID token: a provider that is wrong, or an attacker. */
  claims: (right: Record<string, unknown>) => Record<string, unknown>
  /** Signs with a key that it does not publish. */
  signsWithForeignKey: boolean
  /** Keeps the e-mail address out of the ID token: it is asked for. */
  hidesEmail: boolean
  /** Refuses the user. */
  denies: boolean
  /** The requests to `/authorize`. */
  readonly asked: URLSearchParams[]
  stop(): Promise<void>
}

export const CLIENT = { key: 'lovage', secret: 'a secret: with / and +' } as const

interface Grant {
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string | null
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const [keys, foreign] = await Promise.all([keyPair(), keyPair()])
  const jwk = {
    ...(await crypto.subtle.exportKey('jwk', keys.publicKey)),
    kid: 'one',
    use: 'sig',
    alg: 'RS256',
  }
  const grants = new Map<string, Grant>()
  const tokens = new Set<string>()

  const authorize = (query: URLSearchParams, response: ServerResponse): void => {
    provider.asked.push(query)
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('state', query.get('state') ?? '')
    if (provider.denies) back.searchParams.set('error', 'access_denied')
    else {
      const code = randomUUID()
      const [redirectUri, challenge] = [query.get('redirect_uri'), query.get('code_challenge')]
      const isRight =
        query.get('client_id') === CLIENT.key &&
        query.get('response_type') === 'code' &&
        query.get('code_challenge_method') === 'S256'
      if (!isRight || !redirectUri || !challenge) return void response.writeHead(400).end('no such request')
      grants.set(code, { redirectUri, challenge, nonce: query.get('nonce') })
      back.searchParams.set('code', code)
    }
    response.writeHead(302, { location: back.href }).end()
  }

  const token = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(await bodyOf(request))
    const code = form.get('code') ?? ''
    const grant = grants.get(code)
    // A code is good for one attempt.
    grants.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!isClient(request, form)) return answer(response, { error: 'invalid_client' }, 400)
    if (grant?.challenge !== challenge || grant.redirectUri !== form.get('redirect_uri'))
      return answer(response, { error: 'invalid_grant' }, 400)
    const accessToken = randomUUID()
    tokens.add(accessToken)
    const seconds = Math.floor(Date.now() / 1000)
    const claims = provider.claims({
      iss: provider.url,
      aud: CLIENT.key,
      sub: 'user-1',
      iat: seconds,
      exp: seconds + 300,
      ...(grant.nonce === null ? {} : { nonce: grant.nonce }),
      ...(provider.hidesEmail
        ? {}
        : { email: provider.user.email, email_verified: provider.user.isVerified }),
    })
    const key = provider.signsWithForeignKey ? foreign.privateKey : keys.privateKey
    answer(response, {
      access_token: accessToken,
      token_type: 'bearer',
      expires_in: 300,
      ...(grant.nonce === null ? {} : { id_token: await signed(claims, key) }),
    })
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://here')
    const bearer = request.headers.authorization?.replace(/^(?:Bearer|token) /i, '')
    const isKnown = bearer !== undefined && tokens.has(bearer)
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return answer(response, {
          issuer: provider.url,
          authorization_endpoint: `${provider.url}/authorize`,
          token_endpoint: `${provider.url}/token`,
          userinfo_endpoint: `${provider.url}/userinfo`,
          jwks_uri: `${provider.url}/keys`,
          id_token_signing_alg_values_supported: ['RS256'],
        })
      case '/keys':
        return answer(response, { keys: [jwk] })
      case '/authorize':
      case '/login/oauth/authorize':
        return authorize(url.searchParams, response)
      case '/token':
      case '/login/oauth/access_token':
        return void token(request, response)
    }
    if (!isKnown) return answer(response, { error: 'invalid_token' }, 401)
    const { email, isVerified, emails, groups } = provider.user
    switch (url.pathname) {
      case '/userinfo':
        return answer(response, { sub: 'user-1', email, email_verified: isVerified })
      case '/api/v3/user/emails':
        return answer(response, emails)
      case '/api/v4/groups': {
        const [page, size, level] = ['page', 'per_page', 'min_access_level'].map((name) =>
          Number(url.searchParams.get(name)),
        ) as [number, number, number]
        const all = groups.filter((group) => group.level >= level)
        return answer(response, all.slice((page - 1) * size, page * size))
      }
    }
    return answer(response, { error: 'not_found' }, 404)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  const provider: IdentityProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    user: { email: 'ada@example.com', isVerified: true, emails: [], groups: [] },
    claims: (right) => right,
    signsWithForeignKey: false,
    hidesEmail: false,
    denies: false,
    asked: [],
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return provider
}

/** The client's secret, in the header or in the form. */
function isClient(request: IncomingMessage, form: URLSearchParams): boolean {
  if (form.has('client_secret'))
    return form.get('client_id') === CLIENT.key && form.get('client_secret') === CLIENT.secret
  const [, encoded = ''] = (request.headers.authorization ?? '').split(' ')
  const [key = '', secret = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  const plain = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))
  return plain(key) === CLIENT.key && plain(secret) === CLIENT.secret
}

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

const keyPair = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(
    { ...ALGORITHM, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ['sign', 'verify'],
  )

async function signed(claims: object, key: webcrypto.CryptoKey): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${part(claims)}`
  const signature = await crypto.subtle.sign(ALGORITHM, key, Buffer.from(text))
  return `${text}.${Buffer.from(signature).toString('base64url')}`
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const piece of request.setEncoding('utf8')) body += piece
  return body
}

const answer = (response: ServerResponse, value: unknown, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

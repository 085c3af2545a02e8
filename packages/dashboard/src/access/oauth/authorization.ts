import {
  AuthorizationResponseError,
  type AuthorizationServer,
  authorizationCodeGrantRequest,
  type Client,
  ClientSecretBasic,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  expectNoNonce,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  processAuthorizationCodeResponse,
  ResponseBodyError,
  validateApplicationLevelSignature,
  validateAuthResponse,
} from 'oauth4webapi'
import { type Provider, requestOptions, SignInError } from './provider.js'

/** The client that the provider knows. */
export interface OAuthClient {
  readonly key: string
  readonly secret: string
  readonly redirectUri: string
}

/** The secrets of a sign-in on its way, kept by the browser that began it. */
export interface Pending {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Begins a sign-in: where the browser goes, and the secrets that it brings back. @throws {SignInError} 502. */
export async function beginSignIn(
  provider: Provider,
  { key, redirectUri }: OAuthClient,
): Promise<{ readonly location: string; readonly pending: Pending }> {
  const server = await reached(provider, () => provider.server())
  if (server.authorization_endpoint === undefined)
    throw new SignInError(502, `${provider.name} has no authorization endpoint.`)
  const pending: Pending = {
    state: generateRandomState(),
    nonce: generateRandomNonce(),
    verifier: generateRandomCodeVerifier(),
  }
  const url = new URL(server.authorization_endpoint)
  const parameters: Readonly<Record<string, string>> = {
    response_type: 'code',
    client_id: key,
    redirect_uri: redirectUri,
    scope: provider.scope,
    state: pending.state,
    code_challenge: await calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    ...(provider.isOpenId ? { nonce: pending.nonce } : {}),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { location: url.href, pending }
}

/**
 * Ends a sign-in: checks what the provider says, and returns the user's verified addresses.
 * @throws {SignInError} 400 for an answer that does not belong to this sign-in, 403 when the user is not let in, 502 when the provider
 * cannot be asked or says what it may not.
 */
export async function endSignIn(
  provider: Provider,
  { key, secret, redirectUri }: OAuthClient,
  answer: URLSearchParams,
  { state, nonce, verifier }: Pending,
): Promise<readonly string[]> {
  const client: Client = { client_id: key }
  const server = await reached(provider, () => provider.server())
  const options = requestOptions(server.issuer)
  const callback = validated(provider, server, client, answer, state)
  return reached(provider, async () => {
    const secretIn = server.token_endpoint_auth_methods_supported?.includes('client_secret_post')
      ? ClientSecretPost(secret)
      : ClientSecretBasic(secret)
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      secretIn,
      callback,
      redirectUri,
      verifier,
      options,
    )
    const tokens = await processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: provider.isOpenId ? nonce : expectNoNonce,
      requireIdToken: provider.isOpenId,
    })
    if (provider.isOpenId) await validateApplicationLevelSignature(server, response, options)
    return provider.addresses(server, tokens, client)
  })
}

function validated(
  provider: Provider,
  server: AuthorizationServer,
  client: Client,
  answer: URLSearchParams,
  state: string,
): URLSearchParams {
  try {
    return validateAuthResponse(server, client, answer, state)
  } catch (cause) {
    if (cause instanceof AuthorizationResponseError)
      throw new SignInError(403, `${provider.name} has not let you in: ${cause.error}.`, { cause })
    throw new SignInError(400, 'This answer does not belong to a sign-in that was begun here.', { cause })
  }
}

/** Runs requests to the provider. */
async function reached<T>(provider: Provider, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof SignInError) throw cause
    if (cause instanceof ResponseBodyError)
      throw new SignInError(400, `${provider.name} does not accept this sign-in: ${cause.error}.`, { cause })
    throw new SignInError(502, `${provider.name} cannot be asked who you are; the log says why.`, { cause })
  }
}

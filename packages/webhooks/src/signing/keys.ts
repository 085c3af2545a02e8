import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { type SigningScheme, WebhookError } from '../domain/index.js'

/** A signing key: the bytes of an HMAC key, or an ed25519 private key. */
export type SigningKey =
  | { readonly scheme: 'v1'; readonly bytes: Uint8Array }
  | { readonly scheme: 'v1a'; readonly privateKey: KeyObject }

/** Bytes of a new HMAC secret; Standard Webhooks asks for 24 to 64. */
const SECRET_BYTES = 32
const PREFIX = { secret: 'whsec_', privateKey: 'whsk_', publicKey: 'whpk_' } as const

/** A secret in its stored form (`whsec_…`, `whsk_…`), with its public half for `v1a`. */
export interface SecretText {
  readonly scheme: SigningScheme
  readonly text: string
  readonly publicKey: string | null
}

/** Creates a secret. */
export function newSigningSecret(scheme: SigningScheme): SecretText {
  if (scheme === 'v1')
    return { scheme, text: PREFIX.secret + randomBytes(SECRET_BYTES).toString('base64'), publicKey: null }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const [seed, point] = [jwkBytes(privateKey, 'd'), jwkBytes(publicKey, 'x')]
  // The private key is written as seed and public key together, the form in which ed25519 libraries keep it.
  return {
    scheme,
    text: PREFIX.privateKey + Buffer.concat([seed, point]).toString('base64'),
    publicKey: PREFIX.publicKey + point.toString('base64'),
  }
}

/**
 * Reads a secret, with or without its prefix for `v1`.
 * @throws {WebhookError} LVG_WEBHOOK_INVALID for a secret that is not base64, or has fewer than 24 or more than 64 bytes.
 */
export function readSigningSecret(text: string): SigningKey {
  if (text.startsWith(PREFIX.privateKey)) {
    const bytes = bytesOf(text.slice(PREFIX.privateKey.length))
    if (bytes.length !== 32 && bytes.length !== 64) throw wrong('an ed25519 key has 32 or 64 bytes')
    return { scheme: 'v1a', privateKey: privateKeyOf(bytes.subarray(0, 32)) }
  }
  const bytes = bytesOf(text.startsWith(PREFIX.secret) ? text.slice(PREFIX.secret.length) : text)
  if (bytes.length < 24 || bytes.length > 64) throw wrong('a secret has 24 to 64 bytes')
  return { scheme: 'v1', bytes }
}

/** A secret that was made elsewhere. @throws {WebhookError} LVG_WEBHOOK_INVALID. */
export function readSecretText(text: string): SecretText {
  const key = readSigningSecret(text)
  if (key.scheme === 'v1a') return { scheme: 'v1a', text, publicKey: publicTextOf(key.privateKey) }
  return { scheme: 'v1', text: text.startsWith(PREFIX.secret) ? text : PREFIX.secret + text, publicKey: null }
}

/** The `x` of a JSON Web Key: a `whpk_` text in base64url. */
export const jwkPoint = (publicKey: string): string =>
  Buffer.from(publicKey.slice(PREFIX.publicKey.length), 'base64').toString('base64url')

/** The `whpk_` text of a private key. */
export function publicTextOf(privateKey: KeyObject): string {
  return PREFIX.publicKey + jwkBytes(createPublicKey(privateKey), 'x').toString('base64')
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  // PKCS #8 per RFC 8410: a fixed header, then the seed.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' })
}

function jwkBytes(key: KeyObject, part: 'd' | 'x'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url')
}

function bytesOf(base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, ''))
    throw wrong('it is not base64')
  return bytes
}

const wrong = (why: string): WebhookError =>
  new WebhookError(`The signing secret cannot be used: ${why}.`, {
    code: 'LVG_WEBHOOK_INVALID',
    field: 'secret',
  })

import { WebhookVerifyError } from './verify-error.js'

/** A verification key, as bytes: an HMAC secret, or an ed25519 point. */
export interface VerificationKey {
  readonly scheme: 'v1' | 'v1a'
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Its position among the keys, from 1, used in errors. */
  readonly place: number
}

/**
 * Reads keys as senders show them. The prefix is required: a public key accepted as an HMAC secret would let anyone who knows it sign.
 * @throws {WebhookVerifyError} LVG_VERIFY_KEY_MALFORMED; LVG_VERIFY_SETUP without any key.
 */
export function readKeys(keys: string | readonly string[]): readonly VerificationKey[] {
  const texts = typeof keys === 'string' ? [keys] : Array.isArray(keys) ? keys : []
  if (texts.length === 0) throw new WebhookVerifyError('LVG_VERIFY_SETUP', 'There is no key to verify with.')
  return texts.map((text: unknown, at) => keyOf(text, at + 1))
}

function keyOf(text: unknown, place: number): VerificationKey {
  if (typeof text !== 'string') throw malformed(place, `is ${text === null ? 'null' : typeof text}, not text`)
  if (text.startsWith('whsk_'))
    throw malformed(place, "is a private key, which only the sender may have; use the sender's whpk_… key")
  const [prefix, scheme] = text.startsWith('whpk_')
    ? (['whpk_', 'v1a'] as const)
    : (['whsec_', 'v1'] as const)
  if (!text.startsWith(prefix)) throw malformed(place, 'begins with neither whsec_ nor whpk_')
  const bytes = bytesOfBase64(text.slice(prefix.length))
  if (!bytes) throw malformed(place, `is not base64 after ${prefix}`)
  if (scheme === 'v1a' && bytes.length !== 32)
    throw malformed(place, `has ${bytes.length} bytes; an ed25519 key has 32`)
  if (scheme === 'v1' && (bytes.length < 24 || bytes.length > 64))
    throw malformed(place, `has ${bytes.length} bytes; a secret has 24 to 64`)
  return { scheme, bytes, place }
}

/** Standard base64, padded or not; null for anything else. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.replace(/={1,2}$/, '')
  // A last group of one digit has less than a byte. `atob` would throw for it, and skip white space.
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) return null
  return Uint8Array.from(atob(digits), (each) => each.charCodeAt(0))
}

/** The error for the key at a position, which reveals nothing of the key itself. */
export const malformed = (place: number, why: string): WebhookVerifyError =>
  new WebhookVerifyError('LVG_VERIFY_KEY_MALFORMED', `Key ${place} ${why}.`, { key: place })

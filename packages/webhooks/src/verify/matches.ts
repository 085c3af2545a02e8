import type { Signature } from './headers.js'
import { bytesOfBase64, malformed, type VerificationKey } from './verification-keys.js'
import { WebhookVerifyError } from './verify-error.js'

const ALGORITHMS = { v1: { name: 'HMAC', hash: 'SHA-256' }, v1a: { name: 'Ed25519' } } as const

/**
 * Whether any of the signatures was made with any of the keys. Keys verify only their own scheme. The comparison is Web Crypto's, which
 * takes constant time.
 */
export async function matchesAny(
  keys: readonly VerificationKey[],
  signatures: readonly Signature[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const { subtle } = globalThis.crypto ?? {}
  if (!subtle) throw new WebhookVerifyError('LVG_VERIFY_SETUP', 'This runtime has no Web Crypto.')
  for (const key of keys) {
    const candidates = signatures.filter(({ scheme }) => scheme === key.scheme)
    if (candidates.length === 0) continue
    const algorithm = ALGORITHMS[key.scheme]
    const imported = await subtle
      .importKey('raw', key.bytes, algorithm, false, ['verify'])
      .catch((error: unknown) => {
        throw importError(error, key)
      })
    for (const { text } of candidates) {
      const bytes = bytesOfBase64(text)
      if (bytes && (await subtle.verify(algorithm, imported, bytes, signed))) return true
    }
  }
  return false
}

/** Runtimes distinguish a missing algorithm from an invalid key by the error's name. */
function importError(error: unknown, key: VerificationKey): WebhookVerifyError {
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotSupportedError')
    return new WebhookVerifyError(
      'LVG_VERIFY_SETUP',
      `This runtime's Web Crypto has no ${ALGORITHMS[key.scheme].name}, which key ${key.place} needs.`,
    )
  return malformed(key.place, 'was refused by Web Crypto')
}

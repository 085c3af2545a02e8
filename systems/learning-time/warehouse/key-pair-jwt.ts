import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** A token lives so long; Snowflake takes none of more than an hour. */
const LIFE_S = 3000
/** A new one is made so long before the end of the old. */
const RENEWED_S = 300

const base64url = (text: string): string => Buffer.from(text).toString('base64url')

/** `SHA256:` and the fingerprint of a public key, as Snowflake shows it. */
export const fingerprintOf = (key: KeyObject): string =>
  `SHA256:${createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64')}`

/**
 * Makes the tokens by which a service user shows that it has its private key, each used until it is nearly old.
 * @throws {Error} when the key cannot be read.
 */
export function keyPairTokens(
  account: string,
  user: string,
  pem: string,
  passphrase: string | undefined,
  now: () => number = Date.now,
): () => string {
  const privateKey = createPrivateKey({ key: pem, ...(passphrase ? { passphrase } : {}) })
  // The account without its region, and both in capitals.
  const name = `${account.replace(/\..*$/, '').toUpperCase()}.${user.toUpperCase()}`
  const issuer = `${name}.${fingerprintOf(createPublicKey(privateKey))}`
  let token = { text: '', endsS: 0 }
  return () => {
    const nowS = Math.floor(now() / 1000)
    if (nowS < token.endsS - RENEWED_S) return token.text
    const head = base64url(JSON.stringify({ alg: 'RS256', typ: 'JWT' }))
    const claims = base64url(JSON.stringify({ iss: issuer, sub: name, iat: nowS, exp: nowS + LIFE_S }))
    const signature = sign('sha256', Buffer.from(`${head}.${claims}`), privateKey).toString('base64url')
    token = { text: `${head}.${claims}.${signature}`, endsS: nowS + LIFE_S }
    return token.text
  }
}

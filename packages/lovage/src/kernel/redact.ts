/**
 * Masks the password and the secret query parameters of every URL in a text. A password may hold characters that should have been
 * encoded, such as `@` and `/`: everything before the last `@` counts as credentials, to mask too much rather than too little.
 */
export function redactUrl(url: string): string {
  return url
    .split(/(?=\b[a-z][a-z0-9+.-]*:\/\/)/i)
    .map((part) => redactQuery(redactCredentials(part)))
    .join('')
}

function redactCredentials(text: string): string {
  const [, scheme = '', rest = '', behind = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/)([^\s"'<>`]*)(.*)$/is.exec(text) ?? []
  if (scheme === '') return text
  const [authority = ''] = rest.split(/[/?#]/, 1)
  // In web addresses an @ may be in the path, after a host and port.
  const isOfPath = /^https?:/i.test(scheme) && !authority.includes('@') && /^[^:]*(?::\d*)?$/.test(authority)
  const end = isOfPath ? -1 : rest.lastIndexOf('@')
  const colon = rest.indexOf(':')
  if (end < 0 || colon < 0 || colon > end) return text
  return `${scheme}${rest.slice(0, colon)}:**${rest.slice(end)}${behind}`
}

const redactQuery = (text: string): string =>
  text.replace(/([?&])([\w.-]+)=([^&#\s"']*)/g, (all, sign: string, name: string) =>
    isSecretName(name) ? `${sign}${name}=**` : all,
  )

const SECRET = /key(?!prefix)|passw|secret|token|credential/i

/** A value with its secrets masked: by name, at any depth, and inside URLs. */
export function maskSecrets(name: string, value: unknown): unknown {
  if (
    (SECRET.test(name) || isSecretName(name)) &&
    !/^task|routingKey$/i.test(name) &&
    value !== null &&
    value !== undefined
  )
    return MASK
  if (typeof value === 'string') return redactUrl(value)
  if (value instanceof RegExp || typeof value === 'function') return String(value)
  if (Array.isArray(value)) return value.map((item) => maskSecrets('', item))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskSecrets(key, inner)]))
  return value
}

/** The placeholder for masked values. */
export const MASK = '********'

const SECRET_NAME =
  /passw|passphrase|passcode|secret|token|credential|authorization|(?:api|access|private|signing|encryption)[-_]?key|(?:^|[-_.])(?:pwd|pass|auth)(?:$|[-_.])/i
/** The same short words within a camel-case name: `dbPwd`, `basicAuth`, but not `author`. */
const SECRET_PART = /(?:Pwd|Pass|Auth)(?![a-z])/
const known = new Map<string, boolean>()

/**
 * Whether an argument, field or header of this name is secret.
 *
 * @example
 * import { isSecretName } from 'lovage'
 * isSecretName('apiKey') // true
 */
export function isSecretName(name: string): boolean {
  let isSecret = known.get(name)
  if (isSecret === undefined) {
    isSecret = SECRET_NAME.test(name) || SECRET_PART.test(name)
    // Names may be user data: only so many are cached.
    if (known.size < 10_000) known.set(name, isSecret)
  }
  return isSecret
}

/** A URL with its password replaced, safe to print; what is no URL is returned without its credentials part. */
export function redactUrl(url: string): string {
  return url
    .replace(/(:\/\/[^/?#@:]*):[^@/?#]*@/g, '$1:**@')
    .replace(/([?&](?:password|token|secret)=)[^&#]*/gi, '$1**')
}

const SECRET = /key(?!prefix)|passw|secret|token|credential/i

/** A value without its secrets: by name, at any depth, and inside URLs. */
export function maskSecrets(name: string, value: unknown): unknown {
  if (SECRET.test(name) && !/^task|routingKey$/i.test(name) && value !== null && value !== undefined)
    return MASK
  if (typeof value === 'string') return redactUrl(value)
  if (value instanceof RegExp || typeof value === 'function') return String(value)
  if (Array.isArray(value)) return value.map((item) => maskSecrets('', item))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskSecrets(key, inner)]))
  return value
}

/** What stands where something must not be seen. */
export const MASK = '********'

const SECRET_NAME = /passw|passphrase|secret|token|credential|authorization|(?:api|access|private)[-_]?key/i
const known = new Map<string, boolean>()

/** Whether an argument, field or header of this name is not for everybody's eyes. */
export function isSecretName(name: string): boolean {
  let isSecret = known.get(name)
  if (isSecret === undefined) {
    isSecret = SECRET_NAME.test(name)
    // Names may be data: only so many are remembered.
    if (known.size < 10_000) known.set(name, isSecret)
  }
  return isSecret
}

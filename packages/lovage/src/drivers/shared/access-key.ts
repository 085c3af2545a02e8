import { ConfigurationError } from '../../kernel/index.js'

/** An access key of AWS, or of a server that speaks its protocols. */
export interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/**
 * Reads `key:secret`, percent-encoded, as it stands before the `@` of a URL; undefined when there is nothing.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID, without the secret.
 */
export function accessKeyOf(userinfo: string | undefined): AccessKey | undefined {
  const [key = '', ...secret] = (userinfo ?? '').split(':')
  const [accessKeyId, secretAccessKey] = [key, secret.join(':')].map(decoded)
  if (!accessKeyId && !secretAccessKey) return undefined
  if (!accessKeyId || !secretAccessKey)
    throw invalid('must have both the access key and its secret, or neither: key:secret@')
  return { accessKeyId, secretAccessKey }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a key or secret that is not percent-encoded')
  }
}

const invalid = (problem: string): ConfigurationError =>
  new ConfigurationError(`The URL ${problem}.`, { code: 'LVG_CONFIG_INVALID' })

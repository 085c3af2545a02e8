import { isIP } from 'node:net'
import { WebhookError } from '../domain/index.js'
import { type AllowedRange, blockedRange } from './vet-address.js'

/** The rules for endpoint addresses. */
export interface AddressRules {
  readonly allowed: readonly AllowedRange[]
  /** Whether `http:` is allowed too. */
  readonly allowHttp: boolean
}

/** The host of a URL as an address, if it is one in any spelling; null for a name. */
export function literalAddress(hostname: string): string | null {
  // The URL parser has converted decimal, octal, hexadecimal and short forms of IPv4 to dotted form.
  const host = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
  return isIP(host) === 0 ? null : host
}

/**
 * Reads the URL of an endpoint, and vets it if its host is an address. Names are vetted when they are resolved.
 * @throws {WebhookError} LVG_WEBHOOK_INVALID, LVG_WEBHOOK_BLOCKED_URL.
 */
export function vetUrl(text: string, rules: AddressRules): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw invalid(`${JSON.stringify(text.slice(0, 200))} is not a URL`, cause)
  }
  if (text.length > 2048) throw invalid('it has more than 2048 characters')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && rules.allowHttp))
    throw invalid(`${url.protocol} is not allowed, only https:`)
  if (url.username !== '' || url.password !== '')
    throw invalid('it holds credentials; use a header of the endpoint instead')
  if (url.hash !== '') throw invalid('it has a fragment, which is never sent')
  const literal = literalAddress(url.hostname)
  const blocked = literal === null ? null : blockedRange(literal, rules.allowed)
  if (literal !== null && blocked !== null) throw blockedUrl(url.hostname, literal, blocked)
  return url
}

/** The error for a blocked address, the same at creation and at delivery. */
export function blockedUrl(host: string, address: string, range: string): WebhookError {
  const by = host === address || host === `[${address}]` ? '' : ` (${host})`
  return new WebhookError(`Nothing is sent to ${address}${by}: it is not public (${range}).`, {
    code: 'LVG_WEBHOOK_BLOCKED_URL',
    field: 'url',
    details: { host, address, range },
  })
}

const invalid = (why: string, cause?: unknown): WebhookError =>
  new WebhookError(`The URL of the endpoint cannot be used: ${why}.`, {
    code: 'LVG_WEBHOOK_INVALID',
    field: 'url',
    cause,
  })

import { WebhookVerifyError } from './verify-error.js'

/** Names of the headers that a receiver verifies. */
export const SIGNATURE_HEADERS = {
  id: 'webhook-id',
  timestamp: 'webhook-timestamp',
  signature: 'webhook-signature',
} as const

/** Headers in the forms of the platforms: `Headers`, a plain object in any case, or Node's `headers` and `headersDistinct`. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/** A signature of the list in `webhook-signature`. */
export interface Signature {
  /** `v1`, `v1a`, or an unknown scheme. */
  readonly scheme: string
  /** Base64, unchecked. */
  readonly text: string
}

/** The three headers, read but not verified. */
export interface SignedHead {
  readonly id: string
  /** The original text, which is signed. */
  readonly timestampText: string
  readonly timestampMs: number
  readonly signatures: readonly Signature[]
}

/** A rotation makes two or three; a longer list only costs the receiver time. */
const MOST_SIGNATURES = 32

/** Reads the three headers. @throws {WebhookVerifyError} LVG_VERIFY_HEADER_MISSING, LVG_VERIFY_HEADER_MALFORMED. */
export function readHead(headers: WebhookHeaders): SignedHead {
  if (typeof headers !== 'object' || headers === null)
    throw new WebhookVerifyError('LVG_VERIFY_SETUP', 'The headers are not an object.')
  const [id, timestampText] = [one(headers, SIGNATURE_HEADERS.id), one(headers, SIGNATURE_HEADERS.timestamp)]
  const list = present(headers, SIGNATURE_HEADERS.signature)
  if (!/^\d{1,12}$/.test(timestampText))
    throw malformed(SIGNATURE_HEADERS.timestamp, 'is not a whole number of seconds since 1970')
  // Platforms join repeated headers with a comma and a space, so a signature may end with that comma.
  const signatures = list
    .flatMap((line) => line.split(' '))
    .filter((each) => each !== '')
    .map((each) => signatureOf(each.replace(/,$/, '')))
  if (signatures.length > MOST_SIGNATURES)
    throw malformed(SIGNATURE_HEADERS.signature, `has more than ${MOST_SIGNATURES} signatures`)
  return { id, timestampText, timestampMs: Number(timestampText) * 1000, signatures }
}

function one(headers: WebhookHeaders, name: string): string {
  const [value = '', ...others] = present(headers, name)
  if (others.length > 0) throw malformed(name, 'is there more than once')
  return value
}

function present(headers: WebhookHeaders, name: string): readonly string[] {
  const values = valuesOf(headers, name).filter((value) => value.trim() !== '')
  if (values.length > 0) return values
  throw new WebhookVerifyError('LVG_VERIFY_HEADER_MISSING', `The header ${name} is missing.`, {
    header: name,
  })
}

function valuesOf(headers: WebhookHeaders, name: string): readonly string[] {
  if (hasGet(headers)) return [headers.get(name) ?? '']
  return Object.entries(headers)
    .filter(([each]) => each.toLowerCase() === name)
    .flatMap(([, value]) => value)
    .filter((value) => typeof value === 'string')
}

/** A plain object may hold a header called `get`; only `Headers` has a function there. */
function hasGet(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function'
}

function signatureOf(text: string): Signature {
  const comma = text.indexOf(',')
  return { scheme: text.slice(0, Math.max(0, comma)), text: text.slice(comma + 1) }
}

const malformed = (header: string, why: string): WebhookVerifyError =>
  new WebhookVerifyError('LVG_VERIFY_HEADER_MALFORMED', `The header ${header} ${why}.`, { header })

import { readHead, type Signature, type WebhookHeaders } from './headers.js'
import { matchesAny } from './matches.js'
import { readKeys, type VerificationKey } from './verification-keys.js'
import { WebhookVerifyError } from './verify-error.js'

const TOLERANCE_MS = 5 * 60_000

/** Settings of `verify`. */
export interface VerifyOptions {
  /**
   * The greatest difference between `webhook-timestamp` and the clock, in either direction, in milliseconds. Default 300,000;
   * `Infinity` for requests from an archive.
   */
  readonly toleranceMs?: number
  /** The time to compare with, in milliseconds since 1970. Default: the clock's. */
  readonly nowMs?: number
}

/** A webhook with a valid signature. */
export interface VerifiedWebhook {
  /** `webhook-id`: the same in every attempt, so that a receiver can drop duplicates. */
  readonly id: string
  /** When this attempt was made, in milliseconds since 1970. */
  readonly timestampMs: number
  /** The body, parsed: `type`, `timestamp` and `data`, where the sender follows the recommendation. */
  readonly event: Readonly<Record<string, unknown>>
}

/**
 * Verifies a Standard Webhooks request, and returns its event: `v1` (HMAC-SHA256) with `whsec_…` keys, `v1a` (ed25519) with `whpk_…`
 * keys. One valid signature by one key is enough, so keys can be rotated by either side. It needs only Web Crypto, and so runs in Node,
 * Deno, Bun and edge workers.
 *
 * `rawBody` is the body exactly as it arrived, bytes or text: JSON that was parsed and serialized again has different bytes.
 *
 * @throws {WebhookVerifyError} (as a rejection) with a code for the reason, and the response status.
 *
 * @example
 * import { verify } from '@lovage/webhooks/verify'
 * const receive = async (request: Request, [newKey, oldKey]: [string, string]) => {
 *   const { id, event } = await verify(await request.arrayBuffer(), request.headers, [newKey, oldKey])
 *   return { id, event }
 * }
 */
export async function verify(
  rawBody: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  keys: string | readonly string[],
  options: VerifyOptions = {},
): Promise<VerifiedWebhook> {
  // The receiver's own configuration first: its errors affect every request.
  const { toleranceMs, nowMs } = checkedOptions(options)
  const known = readKeys(keys)
  const body = bytesOf(rawBody)
  const { id, timestampText, timestampMs, signatures } = readHead(headers)
  checkTime(timestampMs, nowMs, toleranceMs)
  const head = new TextEncoder().encode(`${id}.${timestampText}.`)
  const signed = new Uint8Array(head.length + body.length)
  signed.set(head)
  signed.set(body, head.length)
  if (!(await matchesAny(known, signatures, signed))) throw noMatch(known, signatures)
  return { id, timestampMs, event: eventOf(signed.subarray(head.length)) }
}

function checkedOptions({ toleranceMs = TOLERANCE_MS, nowMs = Date.now() }: VerifyOptions) {
  // Written this way so that NaN is refused; any comparison with it is false.
  if (!(toleranceMs >= 0))
    throw new WebhookVerifyError('LVG_VERIFY_SETUP', 'toleranceMs must be a number of at least 0.')
  if (!Number.isFinite(nowMs)) throw new WebhookVerifyError('LVG_VERIFY_SETUP', 'nowMs must be a number.')
  return { toleranceMs, nowMs }
}

function bytesOf(rawBody: unknown): Uint8Array {
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody)
  // By kind, not by class: in tests and frames they come from another realm.
  if (ArrayBuffer.isView(rawBody))
    return new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength)
  // The tag shows that it is an ArrayBuffer, which the compiler cannot infer.
  if (Object.prototype.toString.call(rawBody) === '[object ArrayBuffer]')
    return new Uint8Array(rawBody as ArrayBuffer)
  throw new WebhookVerifyError(
    'LVG_VERIFY_RAW_BODY',
    `The raw body is ${rawBody === null ? 'null' : `of type ${typeof rawBody}`}, neither bytes nor text: it was parsed or never read.`,
  )
}

function checkTime(timestampMs: number, nowMs: number, toleranceMs: number): void {
  // The header has whole seconds, so it is compared with whole seconds.
  const ageMs = Math.floor(nowMs / 1000) * 1000 - timestampMs
  if (Math.abs(ageMs) <= toleranceMs) return
  const seconds = `${Math.abs(ageMs) / 1000} s`
  const details = { ageMs, toleranceMs }
  if (ageMs > 0)
    throw new WebhookVerifyError(
      'LVG_VERIFY_TOO_OLD',
      `The request was signed ${seconds} ago: too old.`,
      details,
    )
  throw new WebhookVerifyError(
    'LVG_VERIFY_TOO_NEW',
    `The request was signed ${seconds} in the future: too new.`,
    details,
  )
}

function noMatch(keys: readonly VerificationKey[], signatures: readonly Signature[]): WebhookVerifyError {
  const counts = (of: readonly { readonly scheme: string }[]) => ({
    v1: of.filter(({ scheme }) => scheme === 'v1').length,
    v1a: of.filter(({ scheme }) => scheme === 'v1a').length,
  })
  const [sent, own] = [counts(signatures), counts(keys)]
  const comparable = (sent.v1 > 0 && own.v1 > 0) || (sent.v1a > 0 && own.v1a > 0)
  const told = ({ v1, v1a }: { v1: number; v1a: number }) => `v1: ${v1}, v1a: ${v1a}`
  return new WebhookVerifyError(
    'LVG_VERIFY_NO_MATCH',
    comparable
      ? `No signature matches (signatures ${told(sent)}; keys ${told(own)}).`
      : `No signature has a scheme for which there is a key (signatures ${told(sent)}; keys ${told(own)}).`,
    { signatures: sent, keys: own },
  )
}

/**
 * The event, which must be an object. If numbers were accepted too, `id.timestamp.body` could be split at another dot, and one signature
 * would be valid for two requests. The parser's own error is left out, because it quotes the body.
 */
function eventOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  let event: unknown
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new WebhookVerifyError(
      'LVG_VERIFY_EVENT_MALFORMED',
      'The signature is right, but the body is not JSON.',
    )
  }
  if (isRecord(event)) return event
  throw new WebhookVerifyError(
    'LVG_VERIFY_EVENT_MALFORMED',
    'The signature is right, but the body is not a JSON object.',
  )
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

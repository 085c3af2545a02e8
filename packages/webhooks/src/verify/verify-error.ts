/** The mark of the engine's errors, checked by `isLovageError`. */
const MARK = Symbol.for('lovage.error')

/**
 * Every reason for which `verify` refuses a request, with the response status and the remedy. 4xx: the request is at fault; 500: the
 * receiver's own code or configuration is.
 */
export const VERIFY_ERROR_CODES = {
  LVG_VERIFY_HEADER_MISSING: {
    status: 400,
    hint: 'Check that proxies pass the `webhook-*` headers on, and that the sender speaks Standard Webhooks.',
  },
  LVG_VERIFY_HEADER_MALFORMED: {
    status: 400,
    hint: 'Correct the header named in the message, at the sender.',
  },
  LVG_VERIFY_TOO_OLD: {
    status: 401,
    hint: 'Set the clocks of both sides. A request that was recorded and sent again ends here too.',
  },
  LVG_VERIFY_TOO_NEW: { status: 401, hint: 'Set the clocks of both sides.' },
  LVG_VERIFY_NO_MATCH: {
    status: 401,
    hint: "Use this endpoint's own keys, and the body's bytes exactly as they arrived: parsing and writing JSON again changes them.",
  },
  LVG_VERIFY_EVENT_MALFORMED: { status: 400, hint: 'The sender must sign and send a JSON object.' },
  LVG_VERIFY_KEY_MALFORMED: {
    status: 500,
    hint: 'Use the key as it was shown: `whsec_…` (v1) or `whpk_…` (v1a), without quotes or spaces.',
  },
  LVG_VERIFY_RAW_BODY: {
    status: 500,
    hint: 'Hand over the raw bytes or text, read before any JSON middleware: express.raw(), c.req.raw.arrayBuffer().',
  },
  LVG_VERIFY_SETUP: { status: 500, hint: 'Correct what the message names.' },
} as const

/** An error code of `verify`. */
export type VerifyErrorCode = keyof typeof VERIFY_ERROR_CODES

/**
 * An error of `verify`. Neither message nor details hold keys, signatures or any part of the body, so it may be logged.
 *
 * @example
 * import { WebhookVerifyError } from '@lovage/webhooks/verify'
 * const answerTo = (error: unknown) => {
 *   if (error instanceof WebhookVerifyError) return new Response(error.code, { status: error.status })
 *   throw error
 * }
 */
export class WebhookVerifyError extends Error {
  override readonly name = 'WebhookVerifyError'
  readonly code: VerifyErrorCode
  /** The status to answer with: 400 or 401 where the request is at fault, 500 where the receiver is. */
  readonly status: 400 | 401 | 500
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: VerifyErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.status = VERIFY_ERROR_CODES[code].status
    this.hint = VERIFY_ERROR_CODES[code].hint
    this.details = details
    Object.defineProperty(this, MARK, { value: true })
  }
}

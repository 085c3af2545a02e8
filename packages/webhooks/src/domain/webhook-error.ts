/** The mark of the engine's errors, checked by `isLovageError`. */
const MARK = Symbol.for('lovage.error')

/** The error codes of this package, with their remedies. */
export const WEBHOOK_ERROR_CODES = {
  LVG_WEBHOOK_INVALID: 'Correct the field named in the message.',
  LVG_WEBHOOK_BLOCKED_URL: 'Use a public address, or add its range to `allowedCidrs` if you trust it.',
  LVG_WEBHOOK_NOT_FOUND: 'Check the id and the tenant: objects of other tenants are not visible.',
  LVG_WEBHOOK_CONFLICT: 'Use another id, or send the same body again.',
  LVG_WEBHOOK_UNKNOWN_TYPE: 'Add the type to the catalogue of events, or correct its spelling.',
  LVG_WEBHOOK_TOO_LARGE: 'Send a reference instead, or use `payload: "thin"`.',
  LVG_WEBHOOK_KEY_MISSING:
    'Put the key back into `encryptionKeys`: keep keys there as long as anything is encrypted with them.',
  LVG_WEBHOOK_STATE: 'The message names its state.',
  LVG_WEBHOOK_STORE: 'The message contains the database’s reply.',
  LVG_WEBHOOK_SETUP: 'Correct the option named in the message.',
  LVG_WEBHOOK_UNAUTHENTICATED:
    'Send `authorization: Bearer lwk_…`; `lovage-webhooks keys create` makes a key.',
  LVG_WEBHOOK_FORBIDDEN: 'Use a key with the scope named in the message.',
  LVG_WEBHOOK_RATE_LIMITED: 'Wait for the seconds in `retry-after`, and send fewer requests.',
  LVG_WEBHOOK_IDEMPOTENCY:
    'Use a new Idempotency-Key for each new request, and the same one only to repeat it.',
  LVG_WEBHOOK_INTERNAL: 'See the log of the service: the line has the request’s id.',
} as const

/** An error code of this package. */
export type WebhookErrorCode = keyof typeof WEBHOOK_ERROR_CODES

/** An error of this package; `isLovageError` recognises it. */
export class WebhookError extends Error {
  readonly code: WebhookErrorCode
  /** The invalid field or option, if any: `url`, `headers.x-token`. */
  readonly field: string | null
  readonly details: Readonly<Record<string, unknown>>
  readonly hint: string

  constructor(
    message: string,
    options: {
      readonly code: WebhookErrorCode
      readonly field?: string
      readonly details?: Readonly<Record<string, unknown>>
      readonly hint?: string
      readonly cause?: unknown
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'WebhookError'
    this.code = options.code
    this.field = options.field ?? null
    this.details = options.details ?? {}
    this.hint = options.hint ?? WEBHOOK_ERROR_CODES[options.code]
    Object.defineProperty(this, MARK, { value: true })
  }
}

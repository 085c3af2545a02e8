export { SIGNATURE_HEADERS, type WebhookHeaders } from './headers.js'
export { type VerifiedWebhook, type VerifyOptions, verify } from './verify.js'
export { VERIFY_ERROR_CODES, type VerifyErrorCode, WebhookVerifyError } from './verify-error.js'

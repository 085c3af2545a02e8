import { errors } from 'undici'
import type { CapturedBody, OutcomeKind } from '../domain/index.js'

/** The outcome of a request. */
export interface HttpOutcome {
  readonly kind: OutcomeKind
  readonly status: number | null
  readonly error: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly body: CapturedBody | null
  /** The raw `Retry-After` header. */
  readonly retryAfter: string | null
}

/** The kind of an error that prevented a response, and its message. */
export function failureOf(thrown: unknown): { readonly kind: OutcomeKind; readonly error: string } {
  const error = innermost(thrown)
  const code = codeOf(error)
  const text = messageOf(error)
  if (code === 'LVG_WEBHOOK_BLOCKED_URL') return { kind: 'blocked', error: text }
  if (error instanceof errors.ConnectTimeoutError) return { kind: 'timeout', error: 'no connection in time' }
  if (code === 'ETIMEDOUT') return { kind: 'timeout', error: 'no connection in time' }
  if (isOf(error, 'syscall', /^(getaddrinfo|query)/) || DNS.has(code)) return { kind: 'dns', error: text }
  if (TLS.test(code) || /certificate|ssl|tls/i.test(text)) return { kind: 'tls', error: text }
  if (error instanceof errors.HTTPParserError || BROKEN_ANSWER.test(code))
    return { kind: 'http', error: `the response is not a complete HTTP response: ${text}` }
  if (CONNECTION.has(code)) return { kind: 'connect', error: text }
  return { kind: 'internal', error: text }
}

const DNS: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ENODATA',
])
const CONNECTION: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EPIPE',
  'EACCES',
  'UND_ERR_SOCKET',
])
const TLS =
  /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO|ERR_OSSL|HOSTNAME_MISMATCH|INVALID_CA)/
const BROKEN_ANSWER = /^(HPE_|UND_ERR_(RES_|HEADERS_OVERFLOW|BODY|RESPONSE))/

/** Node collects the failures of all addresses of a name; the first is as good as any. */
function innermost(thrown: unknown): unknown {
  return thrown instanceof AggregateError && thrown.errors.length > 0 ? innermost(thrown.errors[0]) : thrown
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}

const isOf = (error: unknown, field: string, pattern: RegExp): boolean => {
  const value =
    typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[field] : ''
  return typeof value === 'string' && pattern.test(value)
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message || error.name : String(error)).slice(0, 500)

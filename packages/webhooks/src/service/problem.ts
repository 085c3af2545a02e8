import { HTTPException } from 'hono/http-exception'
import { isLovageError, type Logger } from 'lovage'
import { WebhookError, type WebhookErrorCode } from '../domain/index.js'
import type { ServiceContext } from './environment.js'
import { RefusedRequest } from './refused-request.js'

const STATUS = {
  LVG_WEBHOOK_INVALID: 400,
  LVG_WEBHOOK_BLOCKED_URL: 400,
  LVG_WEBHOOK_UNKNOWN_TYPE: 400,
  LVG_WEBHOOK_UNAUTHENTICATED: 401,
  LVG_WEBHOOK_FORBIDDEN: 403,
  LVG_WEBHOOK_NOT_FOUND: 404,
  LVG_WEBHOOK_CONFLICT: 409,
  LVG_WEBHOOK_STATE: 409,
  LVG_WEBHOOK_TOO_LARGE: 413,
  LVG_WEBHOOK_IDEMPOTENCY: 422,
  LVG_WEBHOOK_RATE_LIMITED: 429,
  LVG_WEBHOOK_INTERNAL: 500,
  LVG_WEBHOOK_KEY_MISSING: 500,
  LVG_WEBHOOK_SETUP: 500,
  LVG_WEBHOOK_STORE: 503,
} as const satisfies Readonly<Record<WebhookErrorCode, number>>

/** The answer to any error: one shape; faults of ours are logged and say no more than that. */
export function problem(c: ServiceContext, error: unknown, logger: Logger): Response {
  const shown = readable(error)
  if (!shown) {
    logger.error(
      { err: error, path: c.req.path, requestId: c.get('requestId') },
      'a request of webhooks failed',
    )
    return answer(
      c,
      new WebhookError(`The service has failed; its log has the request ${c.get('requestId')}.`, {
        code: 'LVG_WEBHOOK_INTERNAL',
      }),
      500,
    )
  }
  return answer(c, shown, (shown instanceof RefusedRequest ? shown.status : null) ?? STATUS[shown.code])
}

function readable(error: unknown): WebhookError | null {
  if (error instanceof HTTPException)
    return new WebhookError(error.message || 'The request is not understood.', {
      code: 'LVG_WEBHOOK_INVALID',
    })
  if (error instanceof WebhookError && STATUS[error.code] !== 500) return error
  // The broker or the database is away: the caller may come again.
  if (isLovageError(error) && error.code.startsWith('LVG_CONNECTION'))
    return new WebhookError('The broker cannot be reached.', { code: 'LVG_WEBHOOK_STORE' })
  return null
}

function answer(c: ServiceContext, error: WebhookError, status: number): Response {
  const { code, message, field, hint } = error
  const headers = error instanceof RefusedRequest ? error.headers : {}
  // A store's own words may name hosts and tables: they are for the log.
  const text = code === 'LVG_WEBHOOK_STORE' ? 'The store or the broker cannot be reached.' : message
  return Response.json(
    { error: { code, message: text, field, hint } },
    {
      status,
      headers: {
        ...headers,
        'cache-control': 'no-store',
        'x-request-id': c.get('requestId'),
        ...(status === 503 ? { 'retry-after': '5' } : {}),
      },
    },
  )
}

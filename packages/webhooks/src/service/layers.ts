import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { crashPoint } from '../domain/index.js'
import type { Webhooks } from '../facade/index.js'
import type { ApiKeys } from './api-keys.js'
import type { Scope } from './contract/index.js'
import type { ServiceContext, ServiceEnv } from './environment.js'
import { beginKeyed, freshOperation } from './idempotency.js'
import type { RateLimiter } from './rate-limiter.js'
import { readBody } from './read-body.js'
import { RefusedRequest } from './refused-request.js'

type Layer = MiddlewareHandler<ServiceEnv>

/** Names each request, for answers and the log. */
export const named: Layer = async (c, next) => {
  c.set('requestId', randomUUID())
  await next()
  c.res.headers.set('x-request-id', c.get('requestId'))
}

/** Lets in callers with a key, within its rate. */
export function callers(keys: ApiKeys, limiter: () => Promise<RateLimiter>): Layer {
  return async (c, next) => {
    const [, text] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    const key = text === undefined ? undefined : await keys.find(text)
    if (!key)
      throw new RefusedRequest(
        text === undefined ? 'The request has no API key.' : 'There is no such API key, or it has ended.',
        { code: 'LVG_WEBHOOK_UNAUTHENTICATED', headers: { 'www-authenticate': 'Bearer' } },
      )
    c.set('caller', { keyId: key.id, tenant: tenantOf(c, key.tenant), scopes: key.scopes })
    const waitMs = await (await limiter()).ask(key.id)
    if (waitMs > 0)
      throw new RefusedRequest('This API key has sent too many requests.', {
        code: 'LVG_WEBHOOK_RATE_LIMITED',
        headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
      })
    await next()
  }
}

/** A key's tenant; an operator's key names one. */
function tenantOf(c: ServiceContext, tenant: string): string {
  const asked = c.req.header('lovage-tenant')
  if (tenant !== '*') {
    if (asked === undefined || asked === tenant) return tenant
    throw new RefusedRequest('This API key is of another tenant than the header lovage-tenant names.', {
      code: 'LVG_WEBHOOK_FORBIDDEN',
      field: 'lovage-tenant',
      hint: 'Leave the header out, or use an operator’s key.',
    })
  }
  if (asked !== undefined && /^[\w.:@-]{1,100}$/.test(asked)) return asked
  throw new RefusedRequest(
    'An operator’s key names the tenant of each request in the header lovage-tenant.',
    {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'lovage-tenant',
    },
  )
}

/** Requires a scope of the caller's key. */
export function requires(scope: Scope): Layer {
  return async (c, next) => {
    if (!c.get('caller').scopes.includes(scope))
      throw new RefusedRequest(`This API key lacks the scope ${scope}.`, { code: 'LVG_WEBHOOK_FORBIDDEN' })
    await next()
  }
}

/**
 * Reads a body within its limit, as UTF-8. Done here once, because a limit that is met while a validator reads becomes one of several
 * other errors.
 */
export function bounded(maxBytes: number): Layer {
  return async (c, next) => {
    const { raw } = c.req
    const text = await readBody(raw, maxBytes)
    if (text !== '' && !/^application\/([\w.-]+\+)?json\b/i.test(c.req.header('content-type') ?? ''))
      throw new RefusedRequest('Bodies are JSON: content-type: application/json.', {
        code: 'LVG_WEBHOOK_INVALID',
        field: 'content-type',
        status: 415,
      })
    if (text !== '') checkJson(text)
    c.set('bodyText', text)
    // hono reads every form of a body from here; it keeps the promise, where its types name what the promise gives. No body = no fields.
    c.req.bodyCache.text = Promise.resolve(text || '{}') as unknown as string
    await next()
  }
}

function checkJson(text: string): void {
  try {
    JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/, ?".*$/s, '').slice(0, 120) : ''
    throw new RefusedRequest(`The body is not JSON: ${why}.`, {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'body',
      cause,
    })
  }
}

/** Gives each changing request its operation, and those with an Idempotency-Key the answer that they got before. */
export function operations(hooks: Webhooks, leaseMs: number): Layer {
  return async (c, next) => {
    const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined
    if (key === undefined) {
      c.set('operation', freshOperation(hooks.app.clock.now()))
      return next()
    }
    const begun = await beginKeyed(hooks, {
      tenant: c.get('caller').tenant,
      key,
      requestId: c.get('requestId'),
      method: c.req.method,
      path: c.req.path,
      body: c.get('bodyText'),
      leaseMs,
    })
    if (begun.kind === 'answered') {
      const { status, contentType, body } = begun.answer
      return new Response(body, {
        status,
        headers: { 'content-type': contentType, 'idempotency-replayed': 'true', 'cache-control': 'no-store' },
      })
    }
    c.set('operation', begun.operation)
    await next()
    crashPoint('webhook:after-work')
    const { status } = c.res
    if (status >= 500) await begun.fail()
    else if (status >= 400) await begun.drop()
    else {
      const body = await c.res.clone().text()
      await begun.keep({ status, contentType: c.res.headers.get('content-type') ?? 'application/json', body })
    }
    return undefined
  }
}

import { OpenAPIHono } from '@hono/zod-openapi'
import type { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { packageVersion, WebhookError } from '../domain/index.js'
import { internalsOf, type Webhooks } from '../facade/index.js'
import { ApiKeys } from './api-keys.js'
import { OPERATIONS, openApiDocument } from './contract/index.js'
import type { ServiceEnv, ServiceParts } from './environment.js'
import { bounded, callers, named, operations, requires } from './layers.js'
import { problem } from './problem.js'
import { openRateLimiter, type RateLimiter, type RequestRate } from './rate-limiter.js'
import { addDeliveryRoutes } from './routes/delivery-routes.js'
import { addEndpointRoutes } from './routes/endpoint-routes.js'
import { addEventRoutes } from './routes/event-routes.js'
import { addPortalRoutes } from './routes/portal-routes.js'
import { addPublicRoutes } from './routes/public-routes.js'

/** The options of the HTTP service. */
export interface ServiceOptions {
  /** The service's origin as clients see it, for links: `https://hooks.example.com`. Default: that of each request. */
  readonly publicUrl?: string
  /** The limit of each API key. Default 600 a minute, 100 at once. */
  readonly rate?: Partial<RequestRate>
  /** The maximum size of a request body, in bytes. Default: an event's `maxBodyBytes` plus 4096 for the JSON around it. */
  readonly maxRequestBytes?: number
  /** A request with an Idempotency-Key that has no answer after so long may be repeated. Default 30,000. */
  readonly idempotencyLeaseMs?: number
  /** More routes that need no API key, such as the portal. */
  readonly open?: readonly Hono[]
}

const DEFAULT_RATE: RequestRate = { perMinute: 600, burst: 100 }

/**
 * The HTTP service of webhooks, as an app of hono's: mount it in a server of your own, or `serveWebhooks`.
 *
 * ```ts
 * const service = serviceApp(hooks)
 * const answer = await service.request('/health')
 * ```
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { serviceApp } from '@lovage/webhooks/service'
 * const service = serviceApp(webhooks(app))
 */
export function serviceApp(hooks: Webhooks, options: ServiceOptions = {}): OpenAPIHono<ServiceEnv> {
  const { logger } = hooks.app
  const { publicUrl, open = [], maxRequestBytes = internalsOf(hooks).maxBodyBytes + 4096 } = options
  const parts: ServiceParts = { hooks, publicUrl: (c) => publicUrl ?? new URL(c.req.url).origin }
  const app = new OpenAPIHono<ServiceEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error.issues, result.target)
    },
  })
  app.onError((error, c) => problem(c, error, logger))
  app.use(named)
  for (const one of open) app.route('/', one)
  app.use(secureHeaders({ referrerPolicy: 'no-referrer' }))
  addPublicRoutes(app, parts)
  const document = openApiDocument(packageVersion())
  app.get('/openapi.json', (c) => c.json(document))

  let limiter: Promise<RateLimiter> | undefined
  const openLimiter = () => {
    limiter ??= openRateLimiter(hooks.app, { ...DEFAULT_RATE, ...options.rate })
    return limiter
  }
  app.use('/v1/*', async (c, next) => {
    await next()
    c.res.headers.set('cache-control', 'no-store')
  })
  app.use('/v1/*', callers(new ApiKeys(hooks), openLimiter))
  // The scope before anything of the request is read: what a key may not do is no oracle.
  for (const { method, path, security } of Object.values(OPERATIONS))
    for (const { apiKey } of security as readonly {
      readonly apiKey: readonly [Parameters<typeof requires>[0]]
    }[])
      app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), requires(apiKey[0]))
  app.use('/v1/*', bounded(maxRequestBytes), operations(hooks, options.idempotencyLeaseMs ?? 30_000))
  addEndpointRoutes(app, parts)
  addEventRoutes(app, parts)
  addDeliveryRoutes(app, parts)
  addPortalRoutes(app, parts)
  app.notFound((c) =>
    problem(
      c,
      new WebhookError(`There is nothing at ${c.req.method} ${c.req.path}.`, {
        code: 'LVG_WEBHOOK_NOT_FOUND',
        hint: 'GET /openapi.json lists every operation.',
      }),
      logger,
    ),
  )
  return app
}

/** The first thing that is wrong with an input, and the names of the others. */
function invalidInput(
  issues: readonly {
    readonly path: readonly PropertyKey[]
    readonly message: string
    readonly keys?: unknown
  }[],
  target: string,
): WebhookError {
  const [first] = issues
  const keys = first && Array.isArray(first.keys) ? first.keys.map(String) : []
  const field = [...(first?.path ?? []).map(String), ...keys.slice(0, 1)].join('.') || target
  const what = target === 'json' ? 'body' : target === 'param' ? 'path' : target
  const others = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new WebhookError(
    `The ${what} of the request is wrong at ${field}: ${first?.message ?? 'it is invalid'}${others}`,
    {
      code: 'LVG_WEBHOOK_INVALID',
      field,
    },
  )
}

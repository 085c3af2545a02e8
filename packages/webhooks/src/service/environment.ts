import type { Context } from 'hono'
import type { Webhooks } from '../facade/index.js'
import type { Scope } from './contract/index.js'
import type { Operation } from './idempotency.js'

/** The caller of a request. */
export interface Caller {
  readonly keyId: string
  readonly tenant: string
  readonly scopes: readonly Scope[]
}

/** Values that a request carries from one layer to the next. */
export interface ServiceEnv {
  Variables: {
    requestId: string
    caller: Caller
    operation: Operation
    /** The body's text, read within its limit; empty without a body. */
    bodyText: string
  }
}

/** A request of the service. */
export type ServiceContext = Context<ServiceEnv>

/** The parts that handlers use. */
export interface ServiceParts {
  readonly hooks: Webhooks
  /** The service's origin as clients see it, for links: `https://hooks.example.com`. */
  readonly publicUrl: (c: ServiceContext) => string
}

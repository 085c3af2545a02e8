export { type DataOf, webhooks } from './make-webhooks.js'
export type { EventSchemas, WebhooksOptions } from './options.js'
export { TASKS } from './tasks.js'
export type { Deliveries, Endpoints, Events, OfTenant, PublishedKey, Webhooks } from './webhooks.js'

export type { Deliveries, Endpoints, Events, OfTenant, PublishedKey, Webhooks } from './webhooks.js'

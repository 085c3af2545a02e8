export type { Resolver } from './address/index.js'
export {
  type Attempt,
  type AttemptTrigger,
  type CallerTransaction,
  type CapturedBody,
  type ClientTls,
  type Delivery,
  type DeliveryOrder,
  type DeliveryState,
  type DisabledReason,
  type Endpoint,
  type EndpointChanges,
  type EndpointSecret,
  type NewEndpoint,
  type NewSecret,
  type OutcomeKind,
  type PayloadMode,
  type SendOptions,
  type SentEvent,
  type SigningScheme,
  type WaitReason,
  WEBHOOK_ERROR_CODES,
  type WebhookCrashPoint,
  WebhookError,
  type WebhookErrorCode,
  type WebhookEvent,
} from './domain/index.js'
export * from './enrich/index.js'
export {
  type DataOf,
  type Deliveries,
  type Endpoints,
  type EventSchemas,
  type Events,
  type OfTenant,
  type OnceKey,
  type PublishedKey,
  type Resealed,
  TASKS,
  type Webhooks,
  type WebhooksOptions,
  webhooks,
  webhooksOf,
} from './facade/index.js'
export { DEFAULT_LANE_RULES, type LaneRules } from './lane/index.js'
export { DEFAULT_SCHEDULE, type RetrySchedule } from './plan/index.js'
export {
  inSqlite,
  type Listing,
  NOTICE_TYPES,
  type Notice,
  type NoticeType,
  type Paging,
  type Removed,
} from './store/index.js'
export { newRingKey, type RingKey } from './vault/index.js'

export { crashPoint, type WebhookCrashPoint } from './crash-point.js'
export type {
  Attempt,
  AttemptTrigger,
  CapturedBody,
  Delivery,
  DeliveryState,
  OutcomeKind,
  WaitReason,
} from './delivery.js'
export type {
  ClientTls,
  DeliveryOrder,
  DisabledReason,
  Endpoint,
  EndpointChanges,
  EndpointSecret,
  NewEndpoint,
  NewSecret,
  PayloadMode,
  SigningScheme,
} from './endpoint.js'
export type { CallerTransaction, SendOptions, SentEvent, WebhookEvent } from './event.js'
export { firstIdAt, type IdPrefix, newId } from './ids.js'
export { packageVersion } from './package-version.js'
export { WEBHOOK_ERROR_CODES, WebhookError, type WebhookErrorCode } from './webhook-error.js'

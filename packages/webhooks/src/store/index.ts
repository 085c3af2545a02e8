export { inSqlite } from './in-sqlite.js'
export type { NewEvent } from './new-event.js'
export { NOTICE_TYPES, type Notice, type NoticeType, noticeEvent } from './notice.js'
export { type OpenStoreOptions, openStore } from './open-store.js'
export type {
  AttemptRecord,
  Claim,
  ClaimedDelivery,
  ClaimRequest,
  DeliveryStore,
  DocumentStore,
  EndpointStore,
  EndpointUpdate,
  EventStore,
  Listing,
  Paging,
  Released,
  Removed,
  StoredDocument,
  StoredEndpoint,
  StoredSecret,
  WebhookStore,
  WrittenEvent,
} from './webhook-store.js'

export * from './domain/index.js'
export * from './facade/index.js'
export {
  type Listing,
  NOTICE_TYPES,
  type Notice,
  type NoticeType,
  type Paging,
  type WebhookStore,
} from './store/index.js'

export {
  AmqpChannel,
  type AmqpConsume,
  type AmqpDelivery,
  type AmqpExchange,
  type AmqpProperties,
  type AmqpQueue,
} from './channel.js'
export { AmqpConnection } from './connection.js'
export { amqpError, isConnectionLoss, refusalOf } from './errors.js'
export { type Headers, readHeaders, writeHeaders } from './headers.js'
export { UNREADABLE } from './incoming-tables.js'
export { type AmqpOptions, type AmqpTarget, type AmqpTls, parseAmqpUrls } from './options.js'
export { amqpOptionsOf } from './settings.js'

export {
  AmqpChannel,
  type AmqpDelivery,
  type AmqpProperties,
  type AmqpQueue,
} from './channel.js'
export { AmqpConnection } from './connection.js'
export { isConnectionLoss, refusalOf } from './errors.js'

export { UNREADABLE } from './incoming-tables.js'
export { type AmqpOptions, parseAmqpUrls } from './options.js'
export { amqpOptionsOf } from './settings.js'

export {
  AmqpChannel,
  type AmqpDelivery,
  type AmqpQueue,
} from './amqp-channel.js'
export { AmqpConnection } from './amqp-connection.js'
export { isConnectionLoss, refusalOf } from './errors.js'
export type { AmqpProperties, AmqpPublication } from './frame-writer.js'

export { UNREADABLE } from './header-reader.js'
export { type AmqpOptions, parseAmqpUrls } from './options.js'
export { Patience, STABLE_MS } from './patience.js'
export { PublishingChannel } from './publishing-channel.js'
export { amqpOptionsOf } from './settings.js'
export type { Untaken } from './unconfirmed.js'

export { decodeEnvelope, encodeEnvelope, type PriorityToWire } from './envelope.js'
export { withEta } from './eta.js'
export {
  CONTROL_EXCHANGE,
  type ControlFormat,
  type ControlRequest,
  decodeControlReply,
  decodeControlRequest,
  encodeControlReply,
  encodeControlRequest,
  isMeant,
  REPLY_EXCHANGE,
} from './pidbox.js'
export { markRedelivered } from './redelivered.js'

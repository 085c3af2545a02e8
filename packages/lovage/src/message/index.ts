export { authSerializer, type SecurityOptions } from './auth.js'
export { type Compressed, compress, decompress } from './compression.js'
export { type EncodeOptions, encodeTask, type TaskCall } from './encode-task.js'
export { ENCRYPTED_TYPE } from './encrypted-type.js'
export { encryptedSerializer } from './encryption.js'
export {
  decodeEnvelope,
  type EnvelopeMessage,
  encodeEnvelope,
  type PriorityFromWire,
  type PriorityToWire,
} from './envelope.js'
export { withEta } from './eta.js'
export { fromExceptionInfo, type StoredException, toExceptionInfo, tracebackOf } from './exception.js'
export { decodeJson, encodeJson, type JsonTypes } from './json.js'
export type { ReadOptions } from './json-reader.js'
export { Decimal, PlainDate, PlainTime, Uuid } from './json-types.js'
export { decodePickle } from './pickle/read-pickle.js'
export { encodePickle, PythonTuple } from './pickle/write-pickle.js'
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
export { attemptsOf, type FailedAttempt, REDRIVES_HEADER, redrivesOf, withAttempt } from './provenance.js'
export { markRedelivered } from './redelivered.js'
export { isPlainValue, reprArgs, reprKwargs, reprValue } from './repr.js'
export {
  type AcceptList,
  acceptList,
  type ContentOptions,
  decodeContent,
  getSerializer,
  type Serializer,
} from './serializer.js'
export { customHeaders, JOIN_HEADER, SENT_HEADER } from './task-headers.js'
export {
  BODY_ROOT,
  type DecodeOptions,
  decodeBody,
  decodeTask,
  NO_EMBED,
  readHeaders,
  type TaskBody,
} from './task-message.js'
export { formatTime, parseTime } from './times.js'
export { isTruthy } from './truth.js'
export type * from './types.js'

export { authSerializer, type SecurityOptions } from './auth.js'
export { COMPRESSION, type Compressed, compress, decompress } from './compression.js'
export { type EncodeOptions, encodeTask, type TaskCall } from './encode-task.js'
export { ENCRYPTED_TYPE } from './encrypted-type.js'
export { encryptedSerializer } from './encryption.js'
export {
  ErrorMap,
  type ErrorMapping,
  fromExceptionInfo,
  type MappedError,
  type StoredException,
  toExceptionInfo,
  tracebackOf,
} from './exception.js'
export { decodeJson, encodeJson, type JsonTypes } from './json.js'
export type { ReadOptions } from './json-reader.js'
export { integerOutOfRange, undecodable } from './json-reader.js'
export { member, skipSpace } from './json-scan.js'
export { JsonTemplates } from './json-templates.js'
export { Decimal, type JsonTypeName, jsonTypeOf, PlainDate, PlainTime, Uuid } from './json-types.js'
export { describe, isRecord, unserialisable } from './json-writer.js'
export { embedWith, type LaterSteps, laterSteps } from './later-steps.js'
export { MAX_DEPTH } from './limits.js'
export { BODY_ROOT, formatPath } from './path.js'
export { PAYLOAD_TYPE } from './payload-type.js'
export { attemptsOf, type FailedAttempt, REDRIVES_HEADER, redrivesOf, withAttempt } from './provenance.js'
export { isPlainValue, reprArgs, reprKwargs, reprValue } from './repr.js'
export {
  type AcceptList,
  acceptList,
  type ContentOptions,
  decodeContent,
  getSerializer,
  type Serializer,
} from './serializer.js'
export {
  customHeaders,
  isFields,
  JOIN_HEADER,
  LIFE_HEADER,
  lifeOf,
  lifeSince,
  NO_LIMITS,
  NO_STAMPS,
  OWN_HEADERS,
  SENT_HEADER,
} from './task-headers.js'
export {
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

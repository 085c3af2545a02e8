export { isPayloadKey, type Payload, type PayloadStore, payloadDay, payloadKey } from './payload-store.js'
export {
  hasReference,
  isDescribed,
  PAYLOAD_FIELD,
  PAYLOAD_HEADER,
  type PayloadReference,
  readReference,
  referenceIn,
  referenceTo,
  withPayload,
  withReference,
} from './reference.js'

import { createHash } from 'node:crypto'
import { MessageError } from '../kernel/index.js'
import { type Message, PAYLOAD_TYPE } from '../message/index.js'
import { isPayloadKey, type Payload } from './payload-store.js'

/** The header that names the payload of a message: where it is, and its key. */
export const PAYLOAD_HEADER = 'x-lovage-payload'
/** The only field of a value that stands for a result in the store. */
export const PAYLOAD_FIELD = 'lovage.payload'

/** A large payload, as the message or result that lacks it describes it. */
export interface PayloadReference {
  readonly key: string
  readonly bytes: number
  /** Hexadecimal: the store is not trusted to give back what it was given. */
  readonly sha256: string
  /** Of the store, without secrets; for people and for readers in other languages. */
  readonly location: string
  readonly contentType: string
  readonly contentEncoding: string
  /** Content type of the compression, if the payload is compressed. */
  readonly compression?: string
}

/** Describes a payload. */
export function referenceTo(
  { key, bytes }: Payload,
  location: string,
  {
    contentType,
    contentEncoding,
    compression,
  }: Omit<PayloadReference, 'key' | 'bytes' | 'sha256' | 'location'>,
): PayloadReference {
  return {
    key,
    bytes: bytes.length,
    sha256: sha256(bytes),
    location,
    contentType,
    contentEncoding,
    ...(compression === undefined ? {} : { compression }),
  }
}

/** Whether a message's body is in the store. */
export const hasReference = ({ contentType }: Message): boolean => contentType === PAYLOAD_TYPE

/** A message with a reference in place of its body. */
export function withReference<M extends Message>(message: M, reference: PayloadReference): M {
  const { compression: _, ...headers } = message.headers
  return {
    ...message,
    headers: { ...headers, [PAYLOAD_HEADER]: `${reference.location} ${reference.key}` },
    body: JSON.stringify(reference),
    contentType: PAYLOAD_TYPE,
    contentEncoding: 'utf-8',
  }
}

/** A message with its body again. */
export function withPayload<M extends Message>(message: M, reference: PayloadReference, bytes: Buffer): M {
  const { [PAYLOAD_HEADER]: _, ...headers } = message.headers
  const { compression, contentType, contentEncoding } = reference
  return {
    ...message,
    headers: compression === undefined ? headers : { ...headers, compression },
    body: bytes,
    contentType,
    contentEncoding,
  }
}

/** Reads the reference in a message; returns a MessageError when it is none. */
export function readReference({ body }: Message): PayloadReference | MessageError {
  try {
    return checked(JSON.parse(body.toString()))
  } catch {
    return malformed('it is not JSON')
  }
}

/** Reads the reference in a result's value; undefined when the value is an ordinary one. */
export function referenceIn(value: unknown): PayloadReference | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const [field, ...others] = Object.entries(value)
  if (field?.[0] !== PAYLOAD_FIELD || others.length > 0) return undefined
  const reference = checked(field[1])
  return reference instanceof Error ? undefined : reference
}

/** Whether bytes are those that a reference describes. */
export const isDescribed = (bytes: Buffer, reference: PayloadReference): boolean =>
  bytes.length === reference.bytes && sha256(bytes) === reference.sha256

function checked(value: unknown): PayloadReference | MessageError {
  if (typeof value !== 'object' || value === null) return malformed('it is no object')
  const { key, bytes, sha256, location, contentType, contentEncoding, compression } = value as Partial<
    Record<keyof PayloadReference, unknown>
  >
  if (!isPayloadKey(key)) return malformed('its key is not a day and an id')
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    return malformed('it has no size')
  if (
    typeof sha256 !== 'string' ||
    typeof contentType !== 'string' ||
    typeof contentEncoding !== 'string' ||
    (compression !== undefined && typeof compression !== 'string')
  )
    return malformed('it lacks its digest or its type')
  const where = typeof location === 'string' ? location : ''
  const described = { key, bytes, sha256, location: where, contentType, contentEncoding }
  return compression === undefined ? described : { ...described, compression }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const malformed = (why: string): MessageError =>
  new MessageError(`The reference to a large payload cannot be read: ${why}`, {
    code: 'LVG_MESSAGE_MALFORMED',
  })

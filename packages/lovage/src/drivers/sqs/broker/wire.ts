import type { Message, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type MessageError, newId } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'

/** How often a holder was lost with a message before this copy of it was made. kombu asks for no attributes, and ignores it. */
export const REDELIVERIES = 'lovage-redeliveries'

/** SQS's limit of one message and of one request, in bytes. */
export const MOST_BYTES = 1_048_576
const ATTRIBUTE_BYTES = 64

/** The parts of an entry that do not depend on its batch. */
export interface Sending {
  readonly body: string
  readonly redeliveries?: number
  readonly delayS?: number
  /** FIFO: messages of a group are delivered one after the other. On other queues, groups get fair shares. */
  readonly group?: string
  readonly deduplication?: string
}

/** kombu's envelope, in base64 unless `sqs_base64_encoding` is off. */
export function sendingOf(message: OutgoingMessage, isBase64: boolean): Sending {
  const { MessageGroupId: group, MessageDeduplicationId: key } = message.headers
  return {
    body: encoded(
      encodeEnvelope(message, (priority) => priority ?? 0, newId()),
      isBase64,
    ),
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof key === 'string' ? { deduplication: key } : {}),
  }
}

export const encoded = (envelope: string | Buffer, isBase64: boolean): string =>
  isBase64 ? Buffer.from(envelope).toString('base64') : envelope.toString()

/** The envelope in a body, which is base64 or JSON; anything else is returned as it is. */
export function decoded(body: string): string {
  if (/^\s*\{/.test(body) || !/^[A-Za-z0-9+/]+={0,2}\s*$/.test(body)) return body
  return Buffer.from(body, 'base64').toString('utf8')
}

/** A received message: `raw` is its envelope. */
export interface Received {
  readonly raw: string
  readonly message: IncomingMessage | MessageError
  readonly redeliveries: number
}

export function receivedOf({ Body = '', Attributes, MessageAttributes }: Message): Received {
  const raw = decoded(Body)
  const before = Number(MessageAttributes?.[REDELIVERIES]?.StringValue ?? 0)
  const receives = Number(Attributes?.ApproximateReceiveCount ?? 1)
  const redeliveries = (Number.isFinite(before) ? before : 0) + Math.max(0, receives - 1)
  const message = decodeEnvelope(raw, (priority) => priority)
  return {
    raw,
    redeliveries,
    message: redeliveries > 0 && 'headers' in message ? { ...message, redelivered: true } : message,
  }
}

export const bytesOf = ({ body, redeliveries }: Sending): number =>
  Buffer.byteLength(body) + (redeliveries === undefined ? 0 : ATTRIBUTE_BYTES)

export function entryOf(sending: Sending, id: number, isFifo: boolean): SendMessageBatchRequestEntry {
  const { body, redeliveries, delayS, group, deduplication } = sending
  const groupId = group ?? (isFifo ? 'default' : undefined)
  return {
    Id: String(id),
    MessageBody: body,
    ...(redeliveries
      ? { MessageAttributes: { [REDELIVERIES]: { DataType: 'Number', StringValue: String(redeliveries) } } }
      : {}),
    ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
    ...(isFifo ? { MessageDeduplicationId: deduplication ?? newId() } : {}),
    // FIFO queues know no delay of single messages.
    ...(delayS && !isFifo ? { DelaySeconds: delayS } : {}),
  }
}

import { priorityToWire } from '../../../broker/index.js'
import { encodeEnvelope } from '../../../envelope/index.js'
import { newTag } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'

/** One copy of a message for one queue. */
export interface Publication {
  readonly queue: string
  readonly step: number
  /** The envelope, with its own delivery tag. */
  readonly raw: string
  readonly message: OutgoingMessage
  readonly tag: string
}

/** The copy for a queue. */
export function publicationFor(message: OutgoingMessage, queue: string, keys: RedisKeys): Publication {
  keys.checkQueue(queue)
  const tag = newTag()
  const step = keys.stepOf(priorityToWire(message.properties.priority))
  return { queue, step, raw: encodeEnvelope(message, priorityToWire, tag), message, tag }
}

/** The copies of messages, through their exchanges' bindings; each queue gets a copy with its own delivery tag. */
export async function publicationsOf(
  messages: readonly OutgoingMessage[],
  routing: RedisRouting,
  keys: RedisKeys,
): Promise<Publication[]> {
  const queues = await Promise.all(
    messages.map((message) =>
      message.exchange === '' ? undefined : routing.route(message.exchange, message.routingKey),
    ),
  )
  return messages.flatMap((message, index) =>
    (queues[index] ?? [message.routingKey]).map((queue) => publicationFor(message, queue, keys)),
  )
}

/** Member of a queue's delay store; the task id comes first so that operators find it. */
export const delayMember = (taskId: unknown, tag: string): string =>
  `${typeof taskId === 'string' ? taskId : ''}/${tag}`

/** The arguments of a publication, as `publication.lua` reads them. */
export function publicationWords(one: Publication, keys: RedisKeys): (string | number)[] {
  const { message, queue, step, raw } = one
  const { once, dueMs } = message
  const name = once ? [keys.oncePrefix + once.key, Math.ceil(once.ttlMs)] : ['', 0]
  if (dueMs === undefined) return [...name, keys.list(queue, step), step === 0 ? '' : queue, raw]
  const member = delayMember(message.headers.id, one.tag)
  return [...name, '', keys.times(queue), keys.messages(queue), queue, member, dueMs, `${step} ${raw}`]
}

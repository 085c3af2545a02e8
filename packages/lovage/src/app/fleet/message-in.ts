import type { Broker } from '../../broker/index.js'
import type { DeadLetter } from '../../dead-letter/index.js'
import { decodeEnvelope } from '../../envelope/index.js'
import type { MessageError } from '../../kernel/index.js'
import type { IncomingMessage } from '../../message/index.js'
import { priorityFromWire } from '../routing/index.js'

/** The message of a letter or a queue entry, or the reason it cannot be read. */
export function messageIn(
  { raw }: Pick<DeadLetter, 'raw'>,
  { capabilities }: Broker,
): IncomingMessage | MessageError {
  return decodeEnvelope(raw, (wire) =>
    wire === undefined ? undefined : priorityFromWire(capabilities)(wire),
  )
}

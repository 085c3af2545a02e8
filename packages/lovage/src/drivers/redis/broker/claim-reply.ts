import { decodeEnvelope } from '../../../envelope/index.js'
import { ConnectionError } from '../../../kernel/index.js'
import type { ClaimedMessage } from '../../shared/index.js'
import { priorityFromWire } from './priority.js'

/**
 * Reads the reply of `claim.lua`; `queueOf` maps a list's index among the script's lists to its queue, and `prefix` goes before the tag in a
 * claim's key.
 */
export function* readClaim(
  reply: readonly [tags: string, counts: string, redeliveries: string, ...messages: string[]],
  queueOf: (list: number) => string,
  onError: (error: unknown) => void,
  prefix = '',
): Generator<ClaimedMessage> {
  const [tags, counts, redelivered] = reply
  if (counts === '') return
  const wireTags = tags.split('\n')
  const redeliveries = redelivered === '' ? undefined : redelivered.split(' ')
  let index = 0
  for (const pair of counts.split(' ')) {
    const colon = pair.indexOf(':')
    const queue = queueOf(Number(pair.slice(0, colon)))
    const count = pair.slice(colon + 1)
    if (count === '!') onError(noList(queue))
    for (let left = count === '!' ? 0 : Number(count); left > 0; left--, index++) {
      const raw = reply[index + 3] ?? ''
      yield {
        key: prefix + (wireTags[index] ?? ''),
        queue,
        raw,
        message: decodeEnvelope(raw, priorityFromWire),
        redeliveries: redeliveries ? Number(redeliveries[index]) : 0,
      }
    }
  }
}

/** The error for a queue whose key is used for something else: the other queues continue. */
export const noList = (queue: string): ConnectionError =>
  new ConnectionError(
    `The key of queue ${queue} is not a list: no message can be taken from it or returned to it`,
    {
      code: 'LVG_REDIS_REFUSED',
      details: { queue },
      hint: 'Check with TYPE what uses the key; move it, or rename the queue.',
    },
  )

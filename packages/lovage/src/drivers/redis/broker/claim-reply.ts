import { decodeEnvelope } from '../../../message/index.js'
import type { ClaimedMessage } from '../../shared/index.js'
import { priorityFromWire } from './priority.js'

/** Reads the reply of `claim.lua`; `queueOf` names the queue of a list by its place among the script's lists. */
export function* readClaim(
  reply: readonly [tags: string, counts: string, redeliveries: string, ...messages: string[]],
  queueOf: (list: number) => string,
): Generator<ClaimedMessage> {
  const [tags, counts, redelivered] = reply
  if (tags === '') return
  const wireTags = tags.split('\n')
  const redeliveries = redelivered === '' ? undefined : redelivered.split(' ')
  let index = 0
  for (const pair of counts.split(' ')) {
    const colon = pair.indexOf(':')
    const queue = queueOf(Number(pair.slice(0, colon)))
    for (let left = Number(pair.slice(colon + 1)); left > 0; left--, index++) {
      const raw = reply[index + 3] ?? ''
      yield {
        key: wireTags[index] ?? '',
        queue,
        raw,
        message: decodeEnvelope(raw, priorityFromWire),
        redeliveries: redeliveries ? Number(redeliveries[index]) : 0,
      }
    }
  }
}

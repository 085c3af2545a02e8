import { priorityToWire, type Settlement } from '../../../broker/index.js'
import { markRedelivered } from '../../../envelope/index.js'
import type { Claim, OpenSettlement, Settled } from '../../shared/index.js'
import type { Argument, RedisResultWriter } from '../client/index.js'
import { delayMember, type Publication, publicationWords } from './publication.js'
import { letterWords } from './redis-dead-letters.js'
import type { RedisKeys } from './redis-keys.js'

/** A pending settlement. */
export interface PendingSettlement extends OpenSettlement {
  /** The claim's tag on the server. */
  readonly tag: string
  readonly publications: readonly Publication[]
  /** Its request, and its index there. */
  readonly request: SettleRequest
  readonly place: number
  /** How its only publication is claimed in the same step; once at most. */
  keep: Keep | undefined
}

/** The claim of a continuation by the holder that publishes it. */
export interface Keep {
  /** Of all the consumer's queues: it is not claimed before what waits there. */
  readonly lists: readonly string[]
  readonly words: readonly [holder: string, leaseMs: number, channel: string, number: number]
  /** This or `lost` is called once: with the publication when it was claimed. */
  readonly end: (claimed?: Publication) => void
  /** It may have been claimed. */
  readonly lost: () => void
}

/** The first words of `settle.lua`, and the settlement that they concern. */
export function keepWords(one: PendingSettlement): { words: Argument[]; settlement: PendingSettlement } {
  const [publication] = one.publications
  if (!one.keep || !publication) return { words: [''], settlement: one }
  const suffix = `,"",${JSON.stringify(publication.queue)}]`
  const value = { ...publication, raw: `[${publication.raw}${suffix}` }
  return {
    words: [suffix, ...one.keep.words, publication.tag],
    settlement: { ...one, publications: [value] },
  }
}

/** Settlements awaited by one caller. */
export class SettleRequest {
  /** Resolves when all have an outcome. */
  readonly ended: Promise<readonly Settled[]>
  readonly #outcomes: Settled[]
  #left: number
  #resolve: (outcomes: readonly Settled[]) => void = () => {}

  constructor(count: number) {
    this.#left = count
    this.#outcomes = new Array<Settled>(count).fill('ended')
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  end(place: number, outcome: Settled): void {
    if (outcome !== 'ended') this.#outcomes[place] = outcome
    this.#left--
    if (this.#left === 0) this.#resolve(this.#outcomes)
  }
}

/** Where results are written with the ack. */
export type Results = RedisResultWriter

/** Follows the step of a value in the delay store: the message goes behind waiting ones when it is due. */
const BEHIND = '+'

/** Whether the short script suffices. */
export const isBareAck = ({ settlement, publications }: PendingSettlement): boolean =>
  settlement.kind === 'ack' && publications.length === 0

/** Keys and arguments of `ack.lua`. */
export function ackWords(
  pending: readonly PendingSettlement[],
  writer: Results | undefined,
): { keys: string[]; words: [count: number, ...rest: (string | number)[]] } {
  const keys: string[] = []
  const words: [number, ...(string | number)[]] = [pending.length]
  for (const { tag } of pending) words.push(tag)
  if (!writer) return { keys, words }
  for (let index = 0; index < pending.length; index++) {
    for (const record of pending[index]?.settlement.results ?? []) {
      const { key, ttlS, json } = writer.encodeRecord(record)
      keys.push(key)
      words.push(index + 1, ttlS, json)
    }
  }
  return { keys, words }
}

/** One settlement as `settle.lua` reads it. */
export function settlementWords(
  { settlement, claim, publications, tag }: PendingSettlement,
  keys: RedisKeys,
  writer: Results | undefined,
): Argument[] {
  const results = writer ? (settlement.results ?? []).map((record) => writer.encodeRecord(record)) : []
  return [
    tag,
    settlement.kind === 'dead-letter' ? 'dead' : settlement.kind,
    publications.length,
    results.length,
    ...kindWords(settlement, claim, tag, keys),
    ...publications.flatMap((one) => publicationWords(one, keys)),
    ...results.flatMap(({ key, ttlS, json }) => [key, ttlS, json]),
  ]
}

function kindWords(settlement: Settlement, { delivery }: Claim, tag: string, keys: RedisKeys): Argument[] {
  const { queue, raw, message } = delivery
  switch (settlement.kind) {
    case 'ack':
      return []
    case 'requeue':
      // An invalid envelope goes back as the server holds it.
      return [settlement.counts ? 1 : 0, 'headers' in message ? markRedelivered(raw.toString()) : '']
    case 'postpone': {
      const isMessage = 'headers' in message
      const member = delayMember(isMessage ? message.headers.id : undefined, tag)
      const step = isMessage ? keys.stepOf(priorityToWire(message.properties.priority)) : 0
      const place = settlement.behind ? `${step}${BEHIND}` : step
      return [keys.times(queue), keys.messages(queue), queue, member, settlement.untilMs, place]
    }
    case 'dead-letter':
      return letterWords(settlement.letter, delivery.raw)
  }
}

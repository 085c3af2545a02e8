import { ConnectionError } from '../../../kernel/index.js'
import type { OpenSettlement, Settled } from '../../shared/index.js'
import { isConnectionLoss, isRefusedForNow, type RedisLink } from '../client/index.js'
import { publicationFor, publicationsOf } from './publication.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { ACK, SETTLE, settleKeys } from './scripts.js'
import {
  ackWords,
  isBareAck,
  type Keep,
  keepWords,
  type PendingSettlement,
  type Results,
  SettleRequest,
  settlementWords,
} from './settlement.js'

/** The maximum of one script: it blocks the server while it runs. */
const MAX_ACKS = 1_000
const MAX_SETTLEMENTS = 200

/** Dependencies of a settler. */
export interface SettlerOptions {
  readonly connection: RedisLink
  readonly keys: RedisKeys
  readonly routing: RedisRouting
  readonly holder: string
  readonly writer: Results | undefined
  /** A claim's tag on the server, by its key; default the key. */
  readonly tagOf?: (key: string) => string
  /** Settlements wait for `flush`. */
  readonly onPending: () => void
  /** The server accepts no settlements now: they wait for the next `flush`. */
  readonly onRefused: (error: unknown) => void
}

/**
 * Collects the settlements of one turn and sends them in one round trip. Settlements in flight when the connection is lost are
 * sent again after the reconnection: one that had arrived is refused then, because its claim is gone. Settlements refused by
 * a server that is full, or has lost its replicas, wait until it accepts them.
 */
export class RedisSettler {
  readonly #options: SettlerOptions
  #pending: PendingSettlement[] = []
  #underWay = 0
  #isLast = false
  #onIdle: (() => void)[] = []

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** Resolves to their outcomes in order, when all have one. `keep` is for a single one with a single publication. */
  settle(settlements: readonly OpenSettlement[], keep?: Keep): Promise<readonly Settled[]> {
    const request = new SettleRequest(settlements.length)
    for (let place = 0; place < settlements.length; place++) {
      const one = settlements[place]
      if (one) this.#add(one, request, place, keep)
    }
    return request.ended
  }

  /** Sends the pending settlements. */
  flush(): void {
    if (this.#pending.length === 0) return
    if (!this.#options.connection.isReady) return this.#pending.forEach(keepNone)
    const pending = this.#pending
    this.#pending = []
    const acks = pending.every(isBareAck) ? pending : pending.filter(isBareAck)
    for (let at = 0; at < acks.length; at += MAX_ACKS) this.#ack(acks.slice(at, at + MAX_ACKS))
    if (acks === pending) return
    const others = pending.filter((one) => !isBareAck(one))
    for (let at = 0; at < others.length; at += MAX_SETTLEMENTS)
      this.#settleAny(others.slice(at, at + MAX_SETTLEMENTS))
  }

  /** Resolves when all have been answered; settlements that the server refuses now are not sent again. */
  idle(): Promise<void> {
    this.#isLast = true
    if (this.#pending.length === 0 && this.#underWay === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Rejects unsent settlements. */
  abandon(): void {
    for (const one of this.#pending.splice(0)) {
      keepNone(one)
      fail(
        one,
        new ConnectionError('The consumer was closed before this could be settled', {
          code: 'LVG_CONNECTION_CLOSED',
        }),
      )
    }
  }

  #add(
    { settlement, claim }: OpenSettlement,
    request: SettleRequest,
    place: number,
    keep: Keep | undefined,
  ): void {
    const { publish: messages = NOTHING } = settlement
    const { keys, routing, tagOf } = this.#options
    const tag = tagOf ? tagOf(claim.key) : claim.key
    if (messages.every(({ exchange }) => exchange === '')) {
      try {
        const publications =
          messages.length === 0
            ? NOTHING
            : messages.map((message) => publicationFor(message, message.routingKey, keys))
        this.#pend({ settlement, claim, tag, publications, request, place, keep })
      } catch (error) {
        keep?.end()
        request.end(place, { failed: error })
      }
      return
    }
    publicationsOf(messages, routing, keys).then(
      (publications) => this.#pend({ settlement, claim, tag, publications, request, place, keep }),
      (error: unknown) => {
        keep?.end()
        request.end(place, { failed: error })
      },
    )
  }

  #pend(one: PendingSettlement): void {
    this.#pending.push(one)
    this.#options.onPending()
  }

  #ack(pending: readonly PendingSettlement[]): void {
    const { connection, keys, holder, writer } = this.#options
    const { unackedIndex, unacked, unparsed, redeliveries } = keys
    const { keys: results, words } = ackWords(pending, writer)
    const named = [unackedIndex, unacked, keys.held(holder), unparsed, redeliveries] as const
    this.#run(pending, ACK.run(connection, [...named, ...results], words), (refused) => [refused])
  }

  #settleAny(pending: readonly PendingSettlement[]): void {
    const { connection, keys, holder, writer } = this.#options
    const [first] = pending
    if (pending.length === 1 && first?.keep) return this.#settleKeeping(first, first.keep)
    pending.forEach(keepNone)
    const words = ['', ...pending.flatMap((one) => settlementWords(one, keys, writer))]
    const sent = SETTLE.run(connection, settleKeys(keys, holder), words)
    this.#run(pending, sent, ([refused, _, ...failed]) => [refused, ...failed])
  }

  /** Another try does not claim: what the first one claimed, if its reply was lost, is found by comparison. */
  #settleKeeping(one: PendingSettlement, keep: Keep): void {
    const { connection, keys, holder, writer } = this.#options
    const { words, settlement } = keepWords(one)
    const sent = SETTLE.run(connection, settleKeys(keys, holder, keep.lists), [
      ...words,
      ...settlementWords(settlement, keys, writer),
    ])
    one.keep = undefined
    sent.then(
      ([, isKept]) => keep.end(isKept === 1 ? one.publications[0] : undefined),
      () => keep.lost(),
    )
    this.#run([one], sent, ([refused, _, ...failed]) => [refused, ...failed])
  }

  #run<Reply>(
    pending: readonly PendingSettlement[],
    sent: Promise<Reply>,
    read: (reply: Reply) => readonly [refused: readonly number[], ...failed: (number | string)[]],
  ): void {
    this.#underWay++
    sent
      .then(
        (reply) => {
          const [refused, ...failed] = read(reply)
          const isRefused = new Set(refused)
          const errors = new Map<number, string>()
          for (let at = 0; at < failed.length; at += 2) errors.set(Number(failed[at]), String(failed[at + 1]))
          let position = 0
          for (const one of pending) {
            const problem = errors.get(++position)
            if (problem === undefined) end(one, isRefused.has(position) ? 'refused' : 'ended')
            else fail(one, settleError(problem))
          }
        },
        (error: unknown) => {
          const isForNow = isRefusedForNow(error) && !this.#isLast
          if (isForNow) this.#options.onRefused(error)
          if (isForNow || isConnectionLoss(error)) this.#pending.unshift(...pending)
          else for (const one of pending) fail(one, error)
        },
      )
      .finally(() => {
        this.#underWay--
        if (this.#underWay === 0 && this.#pending.length === 0)
          for (const resolve of this.#onIdle.splice(0)) resolve()
      })
  }
}

const NOTHING: readonly never[] = []

/** It is published as others are. */
function keepNone(one: PendingSettlement): void {
  one.keep?.end()
  one.keep = undefined
}

const end = ({ request, place }: PendingSettlement, outcome: Settled): void => request.end(place, outcome)

const fail = (one: PendingSettlement, error: unknown): void => end(one, { failed: error })

const settleError = (problem: string): ConnectionError =>
  new ConnectionError(`Redis refused a settlement: ${problem}`, { code: 'LVG_REDIS_REFUSED' })

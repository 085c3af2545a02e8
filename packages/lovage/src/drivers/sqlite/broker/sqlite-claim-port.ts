import {
  type ConsumeOptions,
  priorityFromWire,
  priorityToWire,
  type Settlement,
} from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { delay, InFlight, type MessageError, newId, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import {
  type ClaimedMessage,
  type ClaimListener,
  type ClaimPort,
  type ClaimReply,
  type ClaimRequest,
  type HeldList,
  type KeptLease,
  keptLease,
  type OpenSettlement,
  type Settled,
} from '../../shared/index.js'
import { isStoreOutage, type SqliteFile, toBytes } from '../file/index.js'
import { letterRow } from '../letters/sqlite-dead-letters.js'
import { resultFileOf } from '../results/result-files.js'
import { toRow as resultRow } from '../results/result-row.js'
import type { MessageProcedures } from './procedures.js'
import type { ClaimName, ClaimRow, PublishRow, SettleRow } from './rows.js'

/** The delay before a settlement that a locked or full file refused is retried. */
const RETRY_MS = 250

/** A consumer's claims in a file; settlements, results and the next claim of one turn are one transaction. */
export class SqliteClaimPort implements ClaimPort {
  readonly settlesResults: boolean
  /** Transactions stay short. */
  readonly mostClaimed = 1000
  readonly isPipelined = false
  readonly asksLate = true
  readonly watchesConnection = false
  readonly isReady = true
  /** A claim also sweeps, even without a ring. */
  readonly sweepMs: number
  readonly #file: SqliteFile
  readonly #procedures: MessageProcedures
  readonly #options: ConsumeOptions
  readonly #letGo: Unsubscribe
  /** Sent with every frequent call: a restarted thread has no state. */
  readonly #lease: KeptLease
  readonly #underWay = new InFlight()
  #queues: readonly string[] = []
  #list = '[]'
  #isClosed = false

  constructor(file: SqliteFile, procedures: MessageProcedures, options: ConsumeOptions) {
    this.#file = file
    this.#procedures = procedures
    this.#options = options
    this.settlesResults = options.results !== undefined && resultFileOf(options.results) === file.path
    this.sweepMs = options.leaseMs / 5
    this.#letGo = file.hold()
    this.#lease = keptLease(options, options.leaseMs / 3)
  }

  turn(send: () => void): void {
    send()
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    const { clock } = this.#options
    const { rows, nextDueMs } = await this.#procedures.callLater('claim', () => {
      const { queues, want } = ask()
      return { lease: this.#lease, list: this.#listed(queues), free: want, nowMs: clock.now() }
    })
    const messages = rows.map(claimedMessage)
    return nextDueMs === null ? { messages } : { messages, dueInMs: nextDueMs - clock.now() }
  }

  /** The queues as one text, which is written when they have changed. */
  #listed(queues: readonly string[]): string {
    if (queues !== this.#queues) {
      this.#queues = queues
      this.#list = JSON.stringify(queues)
    }
    return this.#list
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return this.#underWay.add(this.#settle(settlements))
  }

  /** Repeats until the file accepts it: settlements that had been executed are refused then, because their claims are gone. */
  async #settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    const { holder, clock } = this.#options
    const nowMs = clock.now()
    const rows = settlements.map(({ settlement }) => this.#settleRow(settlement, nowMs))
    for (;;) {
      try {
        const refused = await this.#procedures.call('settle', { holder, rows, nowMs })
        const outcomes = rows.map((): Settled => 'ended')
        for (const place of refused) outcomes[place] = 'refused'
        return outcomes
      } catch (error) {
        if (!isStoreOutage(error) || this.#isClosed) throw error
        await delay(clock, RETRY_MS)
      }
    }
  }

  async held(): Promise<HeldList> {
    return { keys: (await this.#procedures.call('held', this.#lease)).map(keyOf) }
  }

  async giveBack(keys: readonly string[]): Promise<void> {
    const rows = keys.map(
      (key): SettleRow => ({ ...nameOf(key), kind: 'requeue', counts: false, publish: [], results: [] }),
    )
    const { holder, clock } = this.#options
    await this.#procedures.call('settle', { holder, rows, nowMs: clock.now() })
  }

  listen(listener: ClaimListener): readonly Unsubscribe[] {
    return [this.#file.watch('messages', () => listener.rung())]
  }

  drain(): Promise<void> {
    return this.#underWay.ended()
  }

  async leave(): Promise<void> {
    this.#isClosed = true
    this.#letGo()
    await this.#procedures.call('detach', this.#options.holder)
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    for (const holder of holders) await this.#procedures.call('detach', holder)
  }

  isOutage(error: unknown): boolean {
    return isStoreOutage(error)
  }

  #settleRow(settlement: Settlement, nowMs: number): SettleRow {
    const publish = settlement.publish?.map(publishRow) ?? []
    const results =
      (this.settlesResults ? settlement.results : undefined)?.map((record) => resultRow(record, nowMs)) ?? []
    const common = { ...nameOf(settlement.tag), publish, results }
    switch (settlement.kind) {
      case 'ack':
        return { ...common, kind: 'ack' }
      case 'requeue':
        return { ...common, kind: 'requeue', counts: settlement.counts }
      case 'postpone':
        return { ...common, kind: 'postpone', untilMs: settlement.untilMs }
      case 'dead-letter':
        return { ...common, kind: 'dead-letter', letter: letterRow(settlement.letter) }
    }
  }
}

const keyOf = ({ seq, claims }: ClaimName): string => `${seq}.${claims}`

function nameOf(key: string): ClaimName {
  const dot = key.indexOf('.')
  return { seq: Number(key.slice(0, dot)), claims: Number(key.slice(dot + 1)) }
}

function claimedMessage(row: ClaimRow): ClaimedMessage {
  const { queue, redeliveries } = row
  const raw = toBytes(row.raw)
  return { key: keyOf(row), queue, raw, redeliveries, message: messageOf(raw, redeliveries) }
}

function messageOf(raw: Buffer | string, redeliveries: number): IncomingMessage | MessageError {
  const message = decodeEnvelope(raw, priorityFromWire)
  return message instanceof Error || redeliveries === 0 ? message : { ...message, redelivered: true }
}

/** A message as the thread receives it. */
export function publishRow(message: OutgoingMessage): PublishRow {
  const { id, task } = message.headers
  return {
    exchange: message.exchange,
    routingKey: message.routingKey,
    level: priorityToWire(message.properties.priority),
    dueMs: message.dueMs ?? 0,
    taskId: typeof id === 'string' ? id : null,
    task: typeof task === 'string' ? task : null,
    raw: encodeEnvelope(message, priorityToWire, newId()),
    ...(message.once ? { once: message.once } : {}),
  }
}

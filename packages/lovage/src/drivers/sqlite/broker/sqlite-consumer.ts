import {
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  priorityFromWire,
  priorityToWire,
  type Settlement,
} from '../../../broker/index.js'
import { FleetingMap, type MessageError, newId, type Timer } from '../../../kernel/index.js'
import {
  decodeEnvelope,
  encodeEnvelope,
  type IncomingMessage,
  type OutgoingMessage,
} from '../../../message/index.js'
import { type SqliteFile, toBytes } from '../file/index.js'
import { letterRow } from '../letters/sqlite-dead-letters.js'
import { toRow as resultRow } from '../results/result-row.js'
import type { MessageProcedures } from './procedures.js'
import type { ClaimName, ClaimRow, PublishRow, SettleRow } from './rows.js'

/** The most that one claim takes, so that a transaction stays short. */
const MOST_CLAIMED = 1000

/** Claims from the file; settlements, results and the next claim of one turn are one transaction. */
export class SqliteConsumer implements Consumer {
  readonly settlesResults: boolean
  readonly #procedures: MessageProcedures
  readonly #options: ConsumeOptions
  readonly #held = new FleetingMap<true>()
  readonly #endings: (() => void)[]
  readonly #onClose: () => void
  #queues: readonly string[]
  #state: 'consuming' | 'paused' | 'closed' = 'consuming'
  #claiming: 'no' | 'soon' | 'now' | 'now, and again' = 'no'
  #dueTimer: Timer | undefined

  constructor(file: SqliteFile, procedures: MessageProcedures, options: ConsumeOptions, onClose: () => void) {
    this.#procedures = procedures
    this.#options = options
    this.#queues = options.queues
    this.#onClose = onClose
    this.settlesResults = options.results?.kind === 'sqlite' && options.results.location === file.path
    // Sweeps for silent holders and due messages even where nobody rings; a fifth of the lease is the promise.
    const sweep = setInterval(() => this.demand(), options.leaseMs / 5)
    const compare = setInterval(() => void this.#compare(), options.leaseMs / 3)
    this.#endings = [
      file.watch('messages', () => this.demand()),
      file.hold(),
      () => clearInterval(sweep),
      () => clearInterval(compare),
    ]
    this.demand()
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const { holder, clock } = this.#options
    const nowMs = clock.now()
    const rows = settlements.map((settlement) => this.#settleRow(settlement, nowMs))
    for (const { tag } of settlements) this.#held.delete(tag)
    const refused = this.#procedures.call('settle', { holder, rows, nowMs })
    this.demand()
    return (await refused).flatMap((place) => settlements[place]?.tag ?? [])
  }

  demand(): void {
    if (this.#state === 'closed' || this.#claiming === 'soon' || this.#claiming === 'now, and again') return
    if (this.#claiming === 'now') {
      this.#claiming = 'now, and again'
      return
    }
    this.#claiming = 'soon'
    this.#claim().catch((error: unknown) => {
      if (this.#state === 'closed') return
      this.#options.onError(error)
    })
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues = queues
    this.demand()
  }

  async pause(): Promise<void> {
    if (this.#state === 'consuming') this.#state = 'paused'
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#dueTimer?.cancel()
    for (const end of this.#endings) end()
    this.#held.clear()
    this.#onClose()
    await this.#procedures.call('detach', this.#options.holder)
  }

  async #claim(): Promise<void> {
    const { holder, clock } = this.#options
    try {
      // The argument is made when the turn ends: everything that it settles has freed its slot by then.
      const { rows, nextDueMs } = await this.#procedures.callLater('claim', () => {
        this.#claiming = 'now'
        const free = this.#state === 'consuming' ? Math.min(MOST_CLAIMED, this.#options.free()) : 0
        return { holder, queues: this.#queues, free, nowMs: clock.now() }
      })
      this.#armDue(nextDueMs)
      if (rows.length > 0) this.#deliver(rows)
      // There may be more than one claim takes.
      if (rows.length === MOST_CLAIMED) this.#claiming = 'now, and again'
    } finally {
      const again = this.#claiming === 'now, and again'
      this.#claiming = 'no'
      if (again) this.demand()
    }
  }

  #deliver(rows: readonly ClaimRow[]): void {
    // Claimed while this was being closed: `detach` gives them back.
    if (this.#state === 'closed') return
    const deliveries = rows.map((row): Delivery => {
      const tag = tagOf(row)
      this.#held.set(tag, true)
      const raw = toBytes(row.raw)
      return {
        tag,
        queue: row.queue,
        raw,
        redeliveries: row.redeliveries,
        message: messageOf(raw, row.redeliveries),
      }
    })
    this.#options.onDeliveries(deliveries)
  }

  #armDue(nextDueMs: number | null): void {
    this.#dueTimer?.cancel()
    this.#dueTimer = undefined
    if (nextDueMs === null || this.#state !== 'consuming') return
    const { clock } = this.#options
    this.#dueTimer = clock.setTimer(() => this.demand(), Math.max(0, nextDueMs - clock.now()))
  }

  /** Finds claims that somebody else has got: their lease ended while this process slept. */
  async #compare(): Promise<void> {
    const believed = this.#held.keys()
    try {
      const owned = new Set((await this.#procedures.call('held', this.#options.holder)).map(tagOf))
      const lost = believed.filter((tag) => !owned.has(tag) && this.#held.delete(tag))
      if (lost.length > 0 && this.#state !== 'closed') this.#options.onLost(lost)
    } catch (error) {
      if (this.#state !== 'closed') this.#options.onError(error)
    }
  }

  #settleRow(settlement: Settlement, nowMs: number): SettleRow {
    const [seq = 0, claims = 0] = settlement.tag.split('.').map(Number)
    const publish = settlement.publish?.map(publishRow) ?? []
    const results =
      (this.settlesResults ? settlement.results : undefined)?.map((record) => resultRow(record, nowMs)) ?? []
    const common = { seq, claims, publish, results }
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

const tagOf = ({ seq, claims }: ClaimName): string => `${seq}.${claims}`

function messageOf(raw: Buffer | string, redeliveries: number): IncomingMessage | MessageError {
  const message = decodeEnvelope(raw, priorityFromWire)
  return message instanceof Error || redeliveries === 0 ? message : { ...message, redelivered: true }
}

/** A message as the thread takes it. */
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

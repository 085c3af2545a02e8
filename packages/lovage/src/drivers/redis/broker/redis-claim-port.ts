import type { ConsumeOptions, Settlement } from '../../../broker/index.js'
import { decodeEnvelope } from '../../../envelope/index.js'
import type { Unsubscribe } from '../../../kernel/index.js'
import type {
  ClaimListener,
  ClaimPort,
  ClaimReply,
  ClaimRequest,
  HeldList,
  OpenSettlement,
  Settled,
  Swept,
  WaitHooks,
} from '../../shared/index.js'
import { isConnectionLoss, type RedisConnection, type RedisSubscriber } from '../client/index.js'
import { ClaimMarks } from './claim-marks.js'
import { readClaim } from './claim-reply.js'
import { FlushTurn } from './flush-turn.js'
import { priorityFromWire } from './priority.js'
import type { Publication } from './publication.js'
import { HELD_REMARK, type RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { RedisSettler } from './redis-settler.js'
import { Reservation } from './reservation.js'
import { CLAIM, claimKeys, SETTLE, settleKeys } from './scripts.js'
import type { Keep, Results } from './settlement.js'
import { Sweeper } from './sweeper.js'
import type { WaitOutcome } from './waiter.js'
import { Waiters } from './waiters.js'

const MAX_HAND_BACK = 500
const LONGEST_PAUSE_MS = 1_000

/** State that a consumer shares with its broker. */
export interface RedisClaimParts {
  readonly keys: RedisKeys
  readonly routing: RedisRouting
  readonly subscriber: RedisSubscriber
  /** The target of results stored with the ack, when they are in the same database. */
  readonly writer: Results | undefined
}

const MOST_CLAIMED = 1_000
/** A larger reply keeps the worker reading while it could run what has come. */
const MOST_CHARS = 4 * 1024 * 1024
/** In place of the counts, and of a reservation whose claim was made. */
const NO_ROOM = '-'
/** The reply of a claim that finds nothing. */
const NO_MESSAGES = 3
/** A claim behind each of the waits at more queues would cost more than it saves. */
const MANY_QUEUES = 16
/** A withdrawal that takes longer means that the server does not answer. */
const SILENT_MS = 1_000

interface QueueWords {
  readonly lists: readonly string[]
  readonly suffixes: readonly string[]
}

/** A consumer's claims on Redis; settlements and the next claim are sent together. */
export class RedisClaimPort implements ClaimPort {
  readonly settlesResults: boolean
  readonly isPipelined = true
  readonly asksLate = false
  readonly fewQueues = 8
  readonly watchesConnection = true
  readonly sweepMs: number
  readonly #waiters: Waiters
  readonly #reservation: Reservation
  readonly #marks: ClaimMarks
  #listener: ClaimListener | undefined
  #waiting: WaitHooks | undefined
  /** How many comparisons must still find out what a lost connection may have claimed. */
  #doubts = 0
  readonly #connection: RedisConnection
  readonly #options: ConsumeOptions
  readonly #parts: RedisClaimParts
  readonly #settler: RedisSettler
  readonly #sweeper: Sweeper
  readonly #release: Unsubscribe
  readonly #turn = new FlushTurn((send) => {
    this.#connection.together(() => {
      this.#settler.flush()
      send()
    })
  })
  #usualChars = 1
  readonly #words = new WeakMap<readonly string[], QueueWords>()

  constructor(connection: RedisConnection, options: ConsumeOptions, parts: RedisClaimParts) {
    const { keys, routing, writer } = parts
    const { clock, holder, leaseMs, visibilityTimeoutMs, onError } = options
    this.#connection = connection
    this.#options = options
    this.#parts = parts
    this.settlesResults = writer !== undefined
    this.sweepMs = Math.min(LONGEST_PAUSE_MS, leaseMs / 5)
    this.#release = connection.hold()
    this.#reservation = new Reservation(connection, keys.reserved(holder))
    this.#marks = new ClaimMarks(parts.subscriber)
    this.#waiters = new Waiters(
      () => connection.target,
      clock,
      (queue) => keys.list(queue, 0),
      onError,
      { claim: (queue, over) => this.#claimBehind(queue, over), lost: () => this.#lost() },
    )
    this.#settler = new RedisSettler({
      connection,
      keys,
      routing,
      holder,
      writer,
      onPending: () => this.#turn.soon(),
      onRefused: onError,
    })
    this.#sweeper = new Sweeper({
      connection,
      keys,
      routing,
      clock,
      holder,
      leaseMs,
      visibilityTimeoutMs,
      onError,
      lists: () => this.#wordsOf(this.#waiters.queues).lists,
    })
  }

  /** The script blocks the server while it runs, and a reply is read as one. */
  get mostClaimed(): number {
    return Math.max(1, Math.min(MOST_CLAIMED, Math.floor(MOST_CHARS / this.#usualChars)))
  }

  get isReady(): boolean {
    return this.#connection.isReady
  }

  /** A message keeps its tag on the server across claims. */
  readonly tagOf = (key: string, number: number): string => `${number}/${key}`

  turn(send: () => void): void {
    this.#turn.soon(send)
  }

  readonly wait = {
    setQueues: async (queues: readonly string[]): Promise<void> => {
      await this.#disarm()
      this.#waiters.setQueues(queues)
    },
    arm: (hooks: WaitHooks): void => {
      this.#waiting = hooks
      if (this.#canReserve) this.#reservation.make(hooks.want)
      this.#waiters.arm(hooks.wake)
    },
    disarm: (): Promise<void> => this.#disarm(),
  }

  get #canReserve(): boolean {
    return this.#waiters.queues.length <= MANY_QUEUES && this.#connection.isReady
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    const { queues, want, isBacklog } = ask()
    const isWithdrawn = this.#reservation.isMade
    const answered = isWithdrawn ? this.#reservation.whenAnswered() : undefined
    const reply = await this.#send(this.#connection, queues, want, isWithdrawn ? 'withdraw' : '', !isBacklog)
    if (reply.isRefused) {
      // What was claimed behind a wait counts first.
      await answered
      this.#reservation.withdrawn()
      this.#listener?.rung()
    } else if (isWithdrawn) this.#reservation.withdrawn()
    return reply
  }

  /** A claim that the server executes when a wait at the queue ends. */
  #claimBehind(queue: string, connection: RedisConnection): Promise<WaitOutcome> | undefined {
    if (this.#waiters.queues.length > MANY_QUEUES) return undefined
    this.#reservation.renew()
    return this.#claimWaited(queue, connection)
  }

  async #claimWaited(queue: string, connection: RedisConnection): Promise<WaitOutcome> {
    const reply = await this.#send(connection, this.#waiters.alone(queue), 0, this.#reservation.epoch, true)
    if (reply.isRefused) return 'refused'
    if (reply.count === 0) return 'none'
    const { count } = this.#reservation
    this.#waiters.disarm()
    this.#waiting?.take(reply, count)
    this.#reservation.answered()
    return 'taken'
  }

  /** Sends a claim; resolves when all that was published before its messages were claimed has been heard. */
  async #send(
    connection: RedisConnection,
    queues: readonly string[],
    want: number,
    reservation: string,
    isMarked: boolean,
  ): Promise<ClaimReply & { readonly count: number; readonly isRefused: boolean }> {
    const { keys } = this.#parts
    const { lists, suffixes } = this.#wordsOf(queues)
    const { holder, leaseMs } = this.#options
    const number = isMarked ? this.#marks.next() : 0
    let count = 0
    try {
      const reply = await CLAIM.run(connection, claimKeys(keys, holder, lists), [
        holder,
        leaseMs,
        want,
        HELD_REMARK,
        keys.steps.length,
        reservation,
        number === 0 ? '' : keys.claimed(holder),
        number,
        ...suffixes,
      ])
      if (reply[1] === NO_ROOM) return { messages: [], count, isRefused: true }
      count = reply.length - NO_MESSAGES
      // A revoke that was sent before its task comes by the other connection: it is heard before the task can start.
      if (count > 0) await this.#marks.heard(number)
      this.#measure(reply)
      const queueOf = (list: number): string => queues[Math.floor(list / keys.steps.length)] ?? ''
      return { messages: readClaim(reply, queueOf, this.#options.onError), count, isRefused: false }
    } finally {
      if (count === 0) this.#marks.forget(number)
    }
  }

  /** Resolves when no claim behind a wait can be made any longer, and none that was made is under way. */
  async #disarm(): Promise<void> {
    this.#waiters.disarm()
    if (!this.#reservation.isMade) return
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), SILENT_MS)
    })
    const nothing = { queues: [], want: 0, isBacklog: true, isProbe: false }
    const isDone =
      this.isReady &&
      (await Promise.race([
        this.claim(() => nothing).then(
          () => true,
          () => false,
        ),
        silence,
      ]))
    clearTimeout(timer)
    // Their answers are lost with the connections; what they claimed is found by comparison, or when the lease ends.
    if (!isDone) this.#waiters.drop()
  }

  /** What a lost connection may have claimed is looked for at once, and its claim is withdrawn. */
  #lost(): void {
    this.#doubts = 2
    this.#reservation.lost()
    if (!this.isReady) return
    this.#listener?.rung()
    this.#listener?.up()
  }

  /** Follows the size of messages, larger ones at once. */
  #measure(reply: readonly string[]): void {
    const count = reply.length - NO_MESSAGES
    if (count === 0) return
    let chars = 0
    for (let at = NO_MESSAGES; at < reply.length; at++) chars += reply[at]?.length ?? 0
    this.#usualChars = Math.max(chars / count, 0.75 * this.#usualChars)
  }

  /** The words of a claim that depend on its queues alone. */
  #wordsOf(queues: readonly string[]): QueueWords {
    const { keys } = this.#parts
    let words = this.#words.get(queues)
    if (!words) {
      words = {
        lists: queues.flatMap((queue) => keys.lists(queue)),
        suffixes: queues.map((queue) => `,"",${JSON.stringify(queue)}]`),
      }
      this.#words.set(queues, words)
    }
    return words
  }

  /** A continuation that goes on here, at once, once. */
  canKeep({ kind, publish = [] }: Settlement): boolean {
    const [message] = publish
    const { queues } = this.#waiters
    return (
      kind === 'ack' &&
      publish.length === 1 &&
      message?.exchange === '' &&
      message.dueMs === undefined &&
      message.once === undefined &&
      queues.length <= MANY_QUEUES &&
      queues.includes(message.routingKey) &&
      this.#connection.isReady
    )
  }

  settle(
    settlements: readonly OpenSettlement[],
    kept?: (reply?: ClaimReply) => void,
  ): Promise<readonly Settled[]> {
    return this.#settler.settle(settlements, kept && this.#keep(kept))
  }

  #keep(kept: (reply?: ClaimReply) => void): Keep {
    const { keys } = this.#parts
    const { holder, leaseMs, onError } = this.#options
    const number = this.#marks.next()
    const take = async ({ tag: key, queue, raw, message: sent }: Publication): Promise<void> => {
      await this.#marks.heard(number)
      kept({
        messages: [
          { key, queue, raw, message: decodeEnvelope(raw, priorityFromWire, sent.body), redeliveries: 0 },
        ],
      })
    }
    return {
      lists: this.#wordsOf(this.#waiters.queues).lists,
      words: [holder, leaseMs, number === 0 ? '' : keys.claimed(holder), number],
      end: (claimed) => {
        if (claimed)
          return void take(claimed).catch((error: unknown) => {
            // Comparison finds it.
            kept()
            onError(error)
          })
        this.#marks.forget(number)
        kept()
      },
      lost: () => {
        this.#doubts = 2
        this.#marks.forget(number)
        kept()
      },
    }
  }

  async held(): Promise<HeldList> {
    const { keys } = this.#parts
    const { holder } = this.#options
    const answered = this.#reservation.whenAnswered()
    const listed = await this.#connection.command<string[]>('hkeys', keys.held(holder))
    const tags = listed.filter((tag) => tag !== '')
    // What was claimed behind a wait may be listed, and not yet known here.
    if (tags.length > 0 && (await this.#connection.command('get', keys.reserved(holder))) === NO_ROOM)
      await answered
    this.#doubts = Math.max(0, this.#doubts - 1)
    return { keys: tags }
  }

  async giveBack(wireTags: readonly string[]): Promise<void> {
    const { keys } = this.#parts
    for (let at = 0; at < wireTags.length; at += MAX_HAND_BACK) {
      const words = wireTags.slice(at, at + MAX_HAND_BACK).flatMap((tag) => [tag, 'requeue', 0, 0, 0, ''])
      await SETTLE.run(this.#connection, settleKeys(keys, this.#options.holder), ['', ...words])
    }
  }

  async sweep(): Promise<Swept> {
    try {
      return await this.#sweeper.sweep()
    } finally {
      // Settlements that a full server refused are retried.
      this.#settler.flush()
    }
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    const expired = holders.flatMap((holder) => [0, holder])
    await this.#connection.command('zadd', this.#parts.keys.holders, 'XX', ...expired)
    this.#sweeper.restoreNext()
  }

  drop(): void {
    this.#connection.drop()
    this.#waiters.drop()
    this.#parts.subscriber.drop()
  }

  async listen(listener: ClaimListener): Promise<readonly Unsubscribe[]> {
    this.#listener = listener
    const { keys, subscriber } = this.#parts
    const ring = (queue: string): void => {
      // An empty name means that any queue may have new messages.
      if (queue === '') listener.due(0)
      listener.rung(queue === '' ? undefined : [queue])
    }
    return [
      await subscriber.subscribe([keys.doorbell], ring),
      await subscriber.subscribe([keys.claimed(this.#options.holder)], (number) => this.#marks.hear(number)),
      this.#connection.listen({
        onReady: () => listener.up(),
        onDown: (error) => listener.down(error),
      }),
      () => this.#waiters.close(),
    ]
  }

  resume(): Promise<void> {
    return this.#parts.routing.declareAgain()
  }

  async drain(): Promise<void> {
    this.#settler.flush()
    if (this.#connection.isReady) await this.#settler.idle()
  }

  async leave(isEmpty: boolean): Promise<void> {
    const { keys } = this.#parts
    const { holder } = this.#options
    this.#settler.abandon()
    try {
      if (!this.#connection.isReady) return
      if (isEmpty && this.#doubts === 0) {
        await this.#connection.command('zrem', keys.holders, holder)
        await this.#connection.command('del', keys.held(holder), keys.reserved(holder))
      } else {
        await this.#connection.command('zadd', keys.holders, 'XX', 0, holder)
        await this.#sweeper.restoreLeft()
      }
    } finally {
      this.#release()
      this.#connection.close()
    }
  }

  isOutage(error: unknown): boolean {
    return isConnectionLoss(error) || this.#connection.isClosed
  }
}

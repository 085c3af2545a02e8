import type { ConsumeOptions } from '../../../broker/index.js'
import type { Unsubscribe } from '../../../kernel/index.js'
import {
  type ClaimedMessage,
  type ClaimListener,
  type ClaimPort,
  type ClaimReply,
  type ClaimRequest,
  type HeldList,
  keptLease,
  type LeaseKeeper,
  type OpenSettlement,
  type Settled,
  type Swept,
  type WaitHooks,
} from '../../shared/index.js'
import { isConnectionLoss, queueTarget, type RedisSubscriber } from '../client/index.js'
import { ClaimRound, ClaimRounds } from './claim-round.js'
import { ClusterSettler, type ClusterSettlerParts } from './cluster-settler.js'
import { FlushTurn } from './flush-turn.js'
import { InTurn } from './in-turn.js'
import { leaseName } from './lease-name.js'
import type { RedisLeaseData } from './lease-thread.js'
import type { PlacePerQueue } from './place-per-queue.js'
import { QueueShare, shareOf } from './queue-share.js'
import { Redeclarer } from './redeclarer.js'
import type { RedisRouting } from './redis-routing.js'
import { shareOut } from './share-out.js'
import { Waiters } from './waiters.js'

const LONGEST_PAUSE_MS = 1_000
const MOST_CLAIMED = 1_000
/** How many queues are looked at, or swept, at a time. */
const AT_ONCE = 64
/** Under load, queues where nothing is expected are looked at this often: each look is a command for each of them. */
const LOOK_PAUSE_MS = 20

/** State that a consumer shares with its broker. */
export interface ClusterClaimParts extends ClusterSettlerParts {
  /** Over connections of the consumer's own. */
  readonly places: PlacePerQueue
  readonly routing: RedisRouting
  readonly subscriber: RedisSubscriber
  readonly keeper: LeaseKeeper<RedisLeaseData>
}

/** A consumer's claims on a Cluster with a slot per queue: each queue has its lease, its settlements and its sweeps, over one connection a node. */
export class ClusterClaimPort implements ClaimPort {
  /** Results are in other slots: they are stored before. */
  readonly settlesResults = false
  readonly isPipelined = true
  readonly asksLate = false
  readonly watchesConnection = true
  readonly mostClaimed = MOST_CLAIMED
  readonly sweepMs: number
  readonly #options: ConsumeOptions
  readonly #parts: ClusterClaimParts
  readonly #waiters: Waiters
  readonly #redeclarer: Redeclarer
  readonly #settler: ClusterSettler
  readonly #shares = new Map<string, QueueShare>()
  readonly #byNumber: QueueShare[] = []
  readonly #away = new Set<QueueShare>()
  readonly #endings: Unsubscribe[] = []
  /** Claimed by replies that were not waited for. */
  readonly #late: ClaimedMessage[] = []
  #listener: ClaimListener | undefined
  readonly #rounds = new ClaimRounds()
  #isUpDue = false
  readonly #inTurn = new InTurn()
  readonly #turn = new FlushTurn((send) => {
    this.#parts.places.together(() => {
      for (const share of this.#shares.values()) share.flush()
      send()
    })
  })
  #lookedAt = 0
  #lookedMs = 0

  constructor(options: ConsumeOptions, parts: ClusterClaimParts) {
    const { clock, leaseMs, onError } = options
    const { places, routing } = parts
    this.#options = options
    this.#parts = parts
    this.sweepMs = Math.min(LONGEST_PAUSE_MS, leaseMs / 5)
    this.#redeclarer = new Redeclarer(routing, clock)
    this.#waiters = new Waiters(
      (queue) => queueTarget(places.nodes.target, queue),
      clock,
      (queue) => places.of(queue).keys.list(queue, 0),
      onError,
    )
    this.#settler = new ClusterSettler((queue) => this.#share(queue), parts)
    places.nodes.hold()
  }

  /** Resolves when leases at all these queues are kept. */
  async open(queues: readonly string[]): Promise<void> {
    await Promise.all(queues.map((queue) => this.#open(this.#share(queue))))
  }

  readonly wait = {
    setQueues: (queues: readonly string[]): void => {
      for (const queue of queues) {
        const share = this.#share(queue)
        share.expected = Math.max(1, share.expected)
        if (!share.isOpen) this.#open(share).catch((error: unknown) => this.#report(error))
      }
      this.#waiters.setQueues(queues)
    },
    arm: ({ wake }: WaitHooks): void =>
      this.#waiters.arm((queue) => {
        this.#share(queue).expected = 1
        wake(queue)
      }),
    disarm: (): void => this.#waiters.disarm(),
  }

  get isReady(): boolean {
    for (const share of this.#shares.values()) if (share.isReady) return true
    return false
  }

  /** A message keeps its tag on the server across claims. */
  readonly tagOf = (key: string, number: number): string => `${number}/${key}`

  turn(send: () => void): void {
    this.#turn.soon(send)
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    const { queues, want, isBacklog, isProbe } = ask()
    const { subscriber, places } = this.#parts
    const late = this.#late.splice(0, want)
    const shares = queues.map((queue) => this.#share(queue)).filter((one) => one.isReady && !one.isStuck)
    const parts = shareOut(shares, want - late.length)
    const round = new ClaimRound([...parts.keys()])
    places.together(() => {
      this.#look(shares)
      for (const [place, [share, count]] of [...parts].entries()) void this.#ask(round, place, share, count)
    })
    const over = this.#rounds.over(round)
    // A revoke that was sent before its task comes by the other connection: it is heard before the task can start.
    const heard = parts.size === 0 || isBacklog || isProbe ? undefined : subscriber.caughtUp(over)
    const claimed = await over
    const messages = late.length === 0 ? claimed : [...late, ...claimed]
    const isUnsure = messages.length > 0 && (isProbe || subscriber.isUncertain)
    await this.#inTurn.wait(heard ?? (isUnsure ? subscriber.caughtUp() : undefined))
    if (messages.length < want && shares.some((share) => share.isHot && !share.isStuck))
      this.#listener?.rung()
    return { messages }
  }

  async #ask(round: ClaimRound, place: number, share: QueueShare, count: number): Promise<void> {
    const messages = await this.#claimFrom(share, count)
    if (round.answer(place, messages)) return
    this.#late.push(...messages)
    share.lateClaims--
    this.#listener?.rung([share.queue])
  }

  async #claimFrom(share: QueueShare, count: number): Promise<readonly ClaimedMessage[]> {
    try {
      return await share.claim(count)
    } catch (error) {
      // The next sign of a message, or the next look, leads there again.
      share.expected = 0
      this.#report(error)
      return []
    }
  }

  /** Looks at queues where nothing is expected, some at a time; a claim follows where something is. */
  #look(all: readonly QueueShare[]): void {
    const nowMs = performance.now()
    if (nowMs - this.#lookedMs < LOOK_PAUSE_MS) return
    this.#lookedMs = nowMs
    const shares = all.filter((share) => !share.isHot)
    if (this.#lookedAt >= shares.length) this.#lookedAt = 0
    const some = shares.slice(this.#lookedAt, this.#lookedAt + AT_ONCE)
    this.#lookedAt += some.length
    for (const share of some) {
      share.look().then(
        (isFound) => {
          if (!isFound || share.isHot) return
          share.expected = 1
          this.#listener?.rung([share.queue])
        },
        (error: unknown) => this.#report(error),
      )
    }
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return this.#settler.settle(settlements)
  }

  async held(): Promise<HeldList> {
    // A claim that comes late is on the server's list, and not yet known here.
    const shares = [...this.#shares.values()].filter(({ isReady, isStuck }) => isReady && !isStuck)
    const read = new Set(shares.map(({ queue }) => queue))
    const keys = (await Promise.all(shares.map((share) => share.held()))).flat()
    const late = new Set(this.#late.map(({ key }) => key))
    return { keys: keys.filter((key) => !late.has(key)), isUnread: (queue) => !read.has(queue) }
  }

  async giveBack(keys: readonly string[]): Promise<void> {
    const parts = new Map<QueueShare, string[]>()
    for (const key of keys) {
      const share = this.#byNumber[shareOf(key)]
      if (share) parts.set(share, [...(parts.get(share) ?? []), key])
    }
    await Promise.all([...parts].map(([share, some]) => share.giveBack(some)))
  }

  async sweep(): Promise<Swept> {
    const { clock } = this.#options
    const shares = [...this.#shares.values()]
    const nowMs = clock.now()
    const swept = shares
      .filter((share) => share.isReady && !share.isSweeping && share.isSweepDue(nowMs))
      .sort((one, other) => one.sweptMs - other.sweptMs)
      .slice(0, AT_ONCE)
    const sweeps = this.#parts.places.together(() => swept.map((share) => this.#sweepOne(share)))
    // One node that does not answer must not keep the others waiting.
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<readonly boolean[]>((resolve) => {
      timer = setTimeout(() => resolve([false]), this.sweepMs)
    })
    const empty = await Promise.race([Promise.all([this.#redeclare(), ...sweeps]), patience])
    clearTimeout(timer)
    // Settlements that a full server refused, or that a lost connection interrupted, are sent again.
    for (const share of shares) share.flush()
    const dues = shares.flatMap(({ dueMs, isReady }) => (dueMs === undefined || !isReady ? [] : [dueMs]))
    return {
      dueInMs: dues.length === 0 ? undefined : Math.max(0, Math.min(...dues) - clock.now()),
      isEmpty: empty.every(Boolean),
    }
  }

  async #sweepOne(share: QueueShare): Promise<boolean> {
    try {
      if (!share.isOpen) await this.#open(share)
      return await share.sweep()
    } catch (error) {
      this.#report(error)
      return true
    }
  }

  async #redeclare(): Promise<boolean> {
    try {
      await this.#redeclarer.look()
    } catch (error) {
      this.#report(error)
    }
    return true
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    const shares = [...this.#shares.values()].filter(({ isReady }) => isReady)
    await Promise.all(shares.map((share) => share.releaseDead(holders)))
  }

  drop(): void {
    this.#parts.places.nodes.drop()
    this.#waiters.drop()
    this.#parts.subscriber.drop()
  }

  async listen(listener: ClaimListener): Promise<readonly Unsubscribe[]> {
    this.#listener = listener
    for (const share of this.#shares.values()) this.#watch(share, listener)
    return [
      () => {
        for (const end of this.#endings.splice(0)) end()
      },
      () => this.#waiters.close(),
    ]
  }

  resume(): Promise<void> {
    return this.#parts.routing.declareAgain()
  }

  async drain(): Promise<void> {
    const shares = [...this.#shares.values()].filter(({ isReady }) => isReady)
    for (const share of shares) share.flush()
    await Promise.all(shares.map((share) => share.idle()))
  }

  async leave(isEmpty: boolean): Promise<void> {
    const shares = [...this.#shares.values()]
    // What was claimed by a reply that nobody waited for is held as well.
    const isAllDone = isEmpty && this.#late.length === 0 && !shares.some(({ isStuck }) => isStuck)
    try {
      await Promise.all(shares.map((share) => share.leave(isAllDone)))
    } finally {
      this.#parts.places.nodes.close()
    }
  }

  /** Ends the leases: they are no longer renewed. */
  release(): void {
    const { holder } = this.#options
    for (const queue of this.#shares.keys()) this.#parts.keeper.release(leaseName({ holder, queue }))
  }

  isOutage(error: unknown): boolean {
    return isConnectionLoss(error) || this.#parts.places.nodes.isClosed
  }

  #report(error: unknown): void {
    if (!this.isOutage(error)) this.#options.onError(error)
  }

  #share(queue: string): QueueShare {
    let share = this.#shares.get(queue)
    if (!share) {
      const { places, routing } = this.#parts
      share = new QueueShare(queue, this.#byNumber.length, places.of(queue), this.#options, {
        routing,
        onPending: () => this.#turn.soon(),
      })
      this.#shares.set(queue, share)
      this.#byNumber.push(share)
      if (this.#listener) this.#watch(share, this.#listener)
    }
    return share
  }

  async #open(share: QueueShare): Promise<void> {
    const { keeper, subscriber } = this.#parts
    const { holder, leaseMs, visibilityTimeoutMs, onError } = this.#options
    const { queue, place } = share
    share.isOpen = true
    try {
      const lease = keptLease(this.#options, Math.min(leaseMs, visibilityTimeoutMs) / 3)
      await keeper.keep(
        { ...lease, holder: leaseName({ holder, queue }) },
        // Outages are reported by the connections themselves.
        { renew: () => share.renew(), onError, isOutage: (error) => this.isOutage(error) },
      )
      this.#endings.push(await subscriber.subscribe([place.keys.doorbell], (rung) => this.#rung(share, rung)))
    } catch (error) {
      share.isOpen = false
      throw error
    }
  }

  #rung(share: QueueShare, rung: string): void {
    share.expected = Math.max(1, share.expected)
    // Without a name it may be something that is due soon.
    if (rung === '') {
      share.expectAt(0)
      this.#listener?.due(0)
    }
    this.#listener?.rung([share.queue])
  }

  #watch(share: QueueShare, listener: ClaimListener): void {
    this.#endings.push(
      share.place.connection.listen({
        onReady: () => {
          this.#away.delete(share)
          share.expectAt(0)
          share.expected = Math.max(1, share.expected)
          this.#upSoon(listener)
        },
        onDown: (error) => {
          this.#away.add(share)
          listener.down(error)
        },
      }),
    )
  }

  /** Once for all queues of a node. */
  #upSoon(listener: ClaimListener): void {
    if (this.#isUpDue) return
    this.#isUpDue = true
    setImmediate(() => {
      this.#isUpDue = false
      if (this.#away.size === 0) listener.up()
      else {
        listener.due(0)
        listener.rung()
      }
    })
  }
}

import type { Settlement } from '../../broker/index.js'
import type { Unsubscribe } from '../../kernel/index.js'
import type { ClaimedMessage, OpenSettlement } from './held-claims.js'

/** The outcome of a settlement: only `failed` has had no effect, and its claim is open again. */
export type Settled = 'ended' | 'refused' | { readonly failed: unknown }

/** A claim request. */
export interface ClaimRequest {
  readonly queues: readonly string[]
  /** The maximum; 0 when no message may come any longer. */
  readonly want: number
  /** The last claim came back full: what comes now has waited behind others. */
  readonly isBacklog: boolean
  /** An idle consumer looks for messages that nothing has announced: most of these claims find none. */
  readonly isProbe: boolean
}

/** A claim's reply. */
export interface ClaimReply {
  readonly messages: Iterable<ClaimedMessage>
  /** Time until the next delayed message is due, where the claim reports it. */
  readonly dueInMs?: number
}

/** The claims that the server lists as ours. */
export interface HeldList {
  readonly keys: readonly string[]
  /** Whether those of a queue could not be listed now; default: all are. */
  readonly isUnread?: (queue: string) => boolean
}

/** The result of a sweep. */
export interface Swept {
  /** Time until the next delayed message is due. */
  readonly dueInMs?: number | undefined
  /** Nothing was found that this consumer could claim, however it came there. */
  readonly isEmpty?: boolean
  /** Queues in which a message is available now; `tell` notifies other consumers of these once this consumer has taken its share. */
  readonly freed?: readonly string[]
}

/** Notifications from the driver to a consumer. */
export interface ClaimListener {
  /** A message may have arrived, in these queues or in any. */
  rung(queues?: readonly string[]): void
  /** A message will be due. */
  due(inMs: number): void
  /** The connection was lost; called only where `watchesConnection`. */
  down(error: unknown): void
  /** The connection is restored. */
  up(): void
}

/** What ends a wait. */
export interface WaitHooks {
  /** There is room for so many messages. */
  readonly want: number
  /** A message is available in this queue. */
  wake(queue: string): void
  /** The wait has claimed by itself, up to `want` messages. */
  take(reply: ClaimReply, want: number): void
}

/** A driver's part of one leased consumer; the life of a claim is managed by `LeasedConsumer`. */
export interface ClaimPort {
  /** Whether `Settlement.results` is stored in one step with the ack. */
  readonly settlesResults: boolean
  /** The maximum of one claim. */
  readonly mostClaimed: number
  /** While one half of the free slots is being worked on, the other half may be in flight. */
  readonly isPipelined: boolean
  /** `claim` calls `ask` some time after it is called, once the slots of this turn have been freed. */
  readonly asksLate: boolean
  /** Each queue that a claim names costs: under load it names as few as this. Default: as many as elsewhere. */
  readonly fewQueues?: number
  /** Outages are reported by `ClaimListener`, not by failed operations. */
  readonly watchesConnection: boolean
  /** The longest pause between two sweeps. */
  readonly sweepMs: number
  /** A delivery's tag, where the server uses the same name for each claim of a message; default: that name. */
  readonly tagOf?: (key: string, number: number) => string
  /** Runs `send` together with this turn's settlements, once all of them are known. */
  turn(send: () => void): void
  /** Claims what `ask` requests; it is called when the request leaves. */
  claim(ask: () => ClaimRequest): Promise<ClaimReply>
  /**
   * Ends claims; resolves to their outcomes in order, when all have one. `kept`, for a single one that `canKeep`, is called once: with the
   * claim of the message that it has published, or without one when that went to its queue.
   */
  settle(
    settlements: readonly OpenSettlement[],
    kept?: (reply?: ClaimReply) => void,
  ): Promise<readonly Settled[]>
  /** Whether the message that continues a task can be claimed in the step that publishes it; absent: never. */
  canKeep?(settlement: Settlement): boolean
  /** Names of the claims that the server lists as ours. */
  held(): Promise<HeldList>
  /** Returns claims without a running task. */
  giveBack(keys: readonly string[]): Promise<void>
  /** Sweeps: promotes messages that are due, and returns the claims of silent holders. Absent where `claim` does it. */
  sweep?(): Promise<Swept>
  /** Ends the leases of these holders, whose processes have died; the next sweep or claim finds their messages. */
  releaseDead(holders: readonly string[]): Promise<void>
  /** Cuts unresponsive connections, so that new ones are made: half-open connections report nothing by themselves. */
  drop?(): void
  /** Notifies other consumers. */
  tell?(queues: readonly string[]): void
  /** Waits for the next message; where it is absent, every demand is a look. */
  readonly wait?: {
    setQueues(queues: readonly string[]): Promise<void> | void
    arm(hooks: WaitHooks): void
    /** Resolves when it can claim no longer. */
    disarm(): Promise<void> | void
  }
  listen(listener: ClaimListener): Promise<readonly Unsubscribe[]> | readonly Unsubscribe[]
  /** Runs after a reconnection, before any request: restores what must exist. */
  resume?(): Promise<void>
  /** Resolves when pending settlements have an outcome; an outage ends the wait. */
  drain(): Promise<void>
  /** Rejects unsettled claims, ends the lease and releases held messages to others. */
  leave(isEmpty: boolean): Promise<void>
  isOutage(error: unknown): boolean
  /** Whether requests go out at once; false during a known outage. */
  readonly isReady: boolean
}

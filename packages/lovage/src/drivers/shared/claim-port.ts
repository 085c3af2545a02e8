import type { Unsubscribe } from '../../kernel/index.js'
import type { ClaimedMessage, OpenSettlement } from './claims.js'

/** How a settlement came out: `failed` alone has had no effect, and its claim is open again. */
export type Settled = 'ended' | 'refused' | { readonly failed: unknown }

/** What is asked for. */
export interface ClaimRequest {
  readonly queues: readonly string[]
  /** At most so many; 0 when nothing may come any more. */
  readonly want: number
}

/** What came. */
export interface ClaimReply {
  readonly messages: Iterable<ClaimedMessage>
  /** Time until the next delayed message is due, where the claim tells. */
  readonly dueInMs?: number
}

/** What a look at what time has done has found. */
export interface Swept {
  /** Time until the next delayed message is due. */
  readonly dueInMs?: number | undefined
  /** Queues in which something can be had now, of which `tell` is to tell others once this consumer has taken its share. */
  readonly freed?: readonly string[]
}

/** What a consumer hears from its driver. */
export interface ClaimListener {
  /** Something may have come, in these queues or anywhere. */
  rung(queues?: readonly string[]): void
  /** Something will be due. */
  due(inMs: number): void
  /** The connection was lost; only where `watchesConnection`. */
  down(error: unknown): void
  /** The connection is there again. */
  up(): void
}

/** What a driver with leases does for one consumer; the life of a claim is `LeasedConsumer`'s. */
export interface ClaimPort {
  /** Whether `Settlement.results` is stored in one step with the ack. */
  readonly settlesResults: boolean
  /** The most that one claim takes. */
  readonly mostClaimed: number
  /** While one half of what there is room for is worked on, the other may be on its way. */
  readonly isPipelined: boolean
  /** `claim` calls `ask` later than it is called, when what frees slots in this turn has happened. */
  readonly asksLate: boolean
  /** Outages are told by `ClaimListener`, not by what fails. */
  readonly watchesConnection: boolean
  /** The longest pause between two looks at what time has done. */
  readonly sweepMs: number
  /** A delivery's tag, where the server's name of a claim is the same each time; default: that name. */
  readonly tagOf?: (key: string, number: number) => string
  /** Runs `send` when everything that this turn of the event loop settles is known, together with it. */
  turn(send: () => void): void
  /** Claims what `ask` answers; it is called when the request leaves. */
  claim(ask: () => ClaimRequest): Promise<ClaimReply>
  /** Ends claims; answers in their order, when all have an outcome. */
  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]>
  /** Names of the claims that the server has under our name. */
  held(): Promise<readonly string[]>
  /** Returns claims that nobody works on. */
  giveBack(keys: readonly string[]): Promise<void>
  /** What time has done: messages that are due, and claims of holders that were silent. Absent where `claim` does it. */
  sweep?(): Promise<Swept>
  /** Cuts connections on which nothing has come back, so that new ones are made: half-open ones say nothing by themselves. */
  drop?(): void
  /** Tells other consumers. */
  tell?(queues: readonly string[]): void
  /** Calls `wake` once something can be had; where it is absent, every demand is a look. */
  readonly wait?: { setQueues(queues: readonly string[]): void; arm(wake: () => void): void; disarm(): void }
  listen(listener: ClaimListener): Promise<readonly Unsubscribe[]> | readonly Unsubscribe[]
  /** After the connection was made again: what must be there before anything is asked. */
  resume?(): Promise<void>
  /** Resolves when what is being settled has an outcome; an outage ends the wait. */
  drain(): Promise<void>
  /** Rejects what could not be settled, ends the lease and lets others have what is held. */
  leave(isEmpty: boolean): Promise<void>
  isOutage(error: unknown): boolean
  /** Whether requests go out at once; false during an outage that is known of. */
  readonly isReady: boolean
}

import type { Unsubscribe } from '../../../kernel/index.js'
import { isConnectionLoss } from './errors.js'
import { inTime } from './in-time.js'
import type { RedisTarget } from './options.js'
import { RedisConnection } from './redis-connection.js'

/** A connection that is silent for longer than this is probed. */
const PING_MS = 7_500

/** Under load a caller asks this often at most: the next turn of the event loop hears what is published. */
const UNCERTAIN_MS = 50
const NO_WORDS: readonly string[] = []

/** A message listener. */
export type Hear = (payload: string, channel: string) => void

type Kind = 'subscribe' | 'psubscribe'

/** Called when the subscriptions are restored after a loss, with the milliseconds since it. */
type OnMissed = (lostMs: number) => void

/** One connection for subscriptions; it subscribes again after every loss. */
export class RedisSubscriber {
  readonly #connection: RedisConnection
  readonly #hearers: Readonly<Record<Kind, Map<string, Set<Hear>>>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
  }
  readonly #onReady: () => void
  readonly #onMissed = new Set<OnMissed>()
  #lostMs: number | undefined
  #certainMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /** `onReady` is called when all subscriptions are restored: messages published in between were missed. */
  constructor(target: RedisTarget, name: string, onReady: () => void = () => {}) {
    this.#onReady = onReady
    this.#connection = new RedisConnection(target, name)
    this.#connection.onMessage((payload, channel, pattern) => {
      const [kind, key] =
        pattern === undefined ? (['subscribe', channel] as const) : (['psubscribe', pattern] as const)
      for (const hear of this.#hearers[kind].get(key) ?? []) hear(payload, channel)
    })
    this.#connection.listen({
      onReady: () => void this.#subscribeAgain(),
      onDown: () => {
        this.#lostMs ??= performance.now()
      },
    })
  }

  /** Whether it hears now, as far as is known. */
  get isReady(): boolean {
    return this.#connection.isReady
  }

  /** Listens to channels. Resolves when the server has confirmed it; rejects when it cannot be reached now. */
  subscribe(channels: readonly string[], hear: Hear): Promise<Unsubscribe> {
    return this.#add('subscribe', channels, hear)
  }

  /** The same for all channels that match a pattern. */
  subscribePattern(patterns: readonly string[], hear: Hear): Promise<Unsubscribe> {
    return this.#add('psubscribe', patterns, hear)
  }

  /** Whether nothing has shown for a while that what was published has been heard: the event loop may have stood still. */
  get isUncertain(): boolean {
    return performance.now() - this.#certainMs > UNCERTAIN_MS
  }

  /**
   * Resolves when all that was published before this call has been heard, or cannot be heard now. A server that does not answer is waited for
   * only briefly, once it has answered what was sent to it together with this call.
   */
  async caughtUp(together: Promise<unknown> = Promise.resolve()): Promise<void> {
    if (!this.#connection.isReady) return
    const askedMs = performance.now()
    // A lost connection misses what is published now; it is opened again.
    const answered = this.#connection.send('ping', NO_WORDS).then(
      () => {
        this.#certainMs = askedMs
      },
      () => {},
    )
    await together.catch(() => {})
    await inTime(answered)
  }

  /** Calls back after each loss, once the subscriptions are restored: what was published meanwhile has been missed. */
  onMissed(on: OnMissed): Unsubscribe {
    this.#onMissed.add(on)
    return () => void this.#onMissed.delete(on)
  }

  /** Keeps the process alive until released. */
  hold(): Unsubscribe {
    return this.#connection.hold()
  }

  /** Opens the connection again. */
  drop(): void {
    this.#connection.drop()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  async #add(kind: Kind, keys: readonly string[], hear: Hear): Promise<Unsubscribe> {
    const hearers = this.#hearers[kind]
    const fresh = keys.filter((key) => !hearers.has(key))
    for (const key of keys) hearers.set(key, (hearers.get(key) ?? new Set()).add(hear))
    this.#timer ??= setInterval(() => this.#ping(), PING_MS).unref()
    const end = (): void => this.#remove(kind, keys, hear)
    try {
      // An earlier subscription may still be in flight: subscribing again waits for it.
      const asked = fresh.length > 0 ? fresh : keys
      if (asked.length > 0) await this.#connection.send(kind, asked)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  #remove(kind: Kind, keys: readonly string[], hear: Hear): void {
    const hearers = this.#hearers[kind]
    const unheard = keys.filter((key) => hearers.get(key)?.delete(hear) && hearers.get(key)?.size === 0)
    for (const key of unheard) hearers.delete(key)
    if (unheard.length > 0 && this.#connection.isReady && !this.#connection.isClosed)
      this.#forget(kind === 'subscribe' ? 'unsubscribe' : 'punsubscribe', unheard)
  }

  async #subscribeAgain(): Promise<void> {
    const { subscribe, psubscribe } = this.#hearers
    try {
      await Promise.all(
        [
          subscribe.size > 0 && this.#connection.send('subscribe', [...subscribe.keys()]),
          psubscribe.size > 0 && this.#connection.send('psubscribe', [...psubscribe.keys()]),
        ].filter((one) => one !== false),
      )
      this.#onReady()
      this.#tellMissed()
    } catch (error) {
      this.#dropUnlessLost(error)
    }
  }

  #tellMissed(): void {
    const lostMs = this.#lostMs
    this.#lostMs = undefined
    if (lostMs !== undefined) for (const on of this.#onMissed) on(performance.now() - lostMs)
  }

  #ping(): void {
    if (this.#connection.isReady) this.#forget('ping', [])
  }

  /** Sends subscriptions that are repeated anyway after a lost connection. */
  #forget(command: string, words: readonly string[]): void {
    this.#connection.send(command, words).catch((error: unknown) => this.#dropUnlessLost(error))
  }

  /** A new connection recovers from any error that the server raised on this one. */
  #dropUnlessLost(error: unknown): void {
    if (!isConnectionLoss(error)) this.#connection.drop()
  }
}

/** A pattern that matches only this channel. */
export const escapeGlob = (channel: string): string => channel.replace(/[*?[\]\\]/g, '\\$&')

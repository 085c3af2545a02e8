import pg from 'pg'
import type { Unsubscribe } from '../../../kernel/index.js'
import { clientOptions } from './client-options.js'
import type { PostgresTarget } from './options.js'

/** Called with a notification's payload; without one when a notification may have been missed, after a loss with its duration. */
export type Hear = (payload?: string, lostMs?: number) => void

/**
 * Two 32-bit numbers of an advisory lock that the listening session holds, shared, while somebody listens: the server forgets it with the
 * session, so that others can count listeners whatever becomes of them.
 */
export type PresenceLock = readonly [group: number, own: number]

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000
/** A server that vanished silently is detected within this time. */
const PING_MS = 15_000

/**
 * The connection that listens: opened for the first channel, opened again after every loss, closed with the last
 * channel. Listeners also poll slowly, so its outages are silent here; statements report them.
 */
export class Listener {
  readonly #target: PostgresTarget
  readonly #channels = new Map<string, Set<Hear>>()
  readonly #locks = new Set<PresenceLock>()
  #client: pg.Client | undefined
  #saying: Promise<unknown> = Promise.resolve()
  #isReady = false
  #attempt = 0
  /** When the connection was lost. */
  #lostMs: number | undefined
  #holds = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(target: PostgresTarget) {
    this.#target = target
  }

  add(channel: string, hear: Hear, lock?: PresenceLock): Unsubscribe {
    const hears = this.#channels.get(channel)
    // A wrapper function, so that one callback may listen twice.
    const own: Hear = (payload, lostMs) => hear(payload, lostMs)
    if (hears) hears.add(own)
    else this.#channels.set(channel, new Set([own]))
    if (lock) this.#locks.add(lock)
    if (!this.#client && !this.#timer) void this.#connect()
    else if (this.#isReady) void this.#listenTo([channel], lock ? [lock] : [], own)
    return () => {
      this.#remove(channel, own)
      // Without another channel, the session and its locks have ended.
      if (lock && this.#locks.delete(lock) && this.#channels.size > 0)
        this.#send(`SELECT pg_advisory_unlock_shared(${lock})`)
    }
  }

  /** Keeps the process alive until released. */
  hold(): Unsubscribe {
    let isHeld = true
    this.#holds++
    this.#keepAlive()
    return () => {
      if (isHeld) this.#holds--
      isHeld = false
      this.#keepAlive()
    }
  }

  /** Opens the connection again. */
  drop(): void {
    if (this.#client) this.#lost(this.#client)
  }

  close(): void {
    this.#isClosed = true
    this.#channels.clear()
    this.#locks.clear()
    this.#drop()
  }

  #remove(channel: string, hear: Hear): void {
    const hears = this.#channels.get(channel)
    if (!hears?.delete(hear) || hears.size > 0) return
    this.#channels.delete(channel)
    if (this.#channels.size === 0) this.#drop()
    else this.#send(`UNLISTEN ${pg.escapeIdentifier(channel)}`)
  }

  async #connect(): Promise<void> {
    this.#timer = undefined
    const client = new pg.Client(clientOptions(this.#target, 'lovage listens'))
    this.#client = client
    client.on('error', () => this.#lost(client))
    client.on('end', () => this.#lost(client))
    client.on('notification', ({ channel, payload = '' }) => this.#hear(channel, payload))
    try {
      await client.connect()
      if (this.#client !== client) return
      this.#isReady = true
      this.#attempt = 0
      this.#pingLater(client)
      await this.#listenTo([...this.#channels.keys()], [...this.#locks])
    } catch {
      this.#lost(client)
    }
    this.#keepAlive()
  }

  /** Subscribes to channels, and lets their listeners, or the new one, check for missed notifications. */
  async #listenTo(channels: readonly string[], locks: readonly PresenceLock[], only?: Hear): Promise<void> {
    const client = this.#client
    if (!client) return
    const statements = [
      ...locks.map((lock) => `SELECT pg_try_advisory_lock_shared(${lock})`),
      ...channels.map((channel) => `LISTEN ${pg.escapeIdentifier(channel)}`),
    ]
    try {
      await this.#say(client, statements.join('; '))
    } catch {
      return this.#lost(client)
    }
    const lostMs = this.#lostMs === undefined || only ? undefined : performance.now() - this.#lostMs
    if (!only) this.#lostMs = undefined
    for (const channel of channels)
      for (const hear of this.#channels.get(channel) ?? [])
        if (!only || hear === only) hear(undefined, lostMs)
  }

  #hear(channel: string, payload: string): void {
    for (const hear of this.#channels.get(channel) ?? []) hear(payload)
  }

  #send(statement: string): void {
    const client = this.#client
    if (client && this.#isReady) this.#say(client, statement).catch(() => this.#lost(client))
  }

  /** One statement after the other: a connection does not accept a second while it is busy. */
  #say(client: pg.Client, statement: string): Promise<unknown> {
    const said = this.#saying.then(() => client.query(statement))
    this.#saying = said.catch(() => {})
    return said
  }

  #pingLater(client: pg.Client): void {
    const timer = setInterval(() => {
      if (this.#client === client) this.#send('SELECT 1')
      else clearInterval(timer)
    }, PING_MS)
    timer.unref()
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return
    this.#drop()
    this.#lostMs ??= performance.now()
    if (this.#isClosed || this.#channels.size === 0) return
    // Half of the pause is random, so that a fleet does not reconnect at one moment.
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempt++, LONGEST_PAUSE_MS)
    this.#timer = setTimeout(() => void this.#connect(), pauseMs / 2 + (Math.random() * pauseMs) / 2)
    this.#keepAlive()
  }

  #drop(): void {
    const client = this.#client
    this.#client = undefined
    this.#saying = Promise.resolve()
    this.#isReady = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    // It may be broken already: nothing further is expected of it.
    client?.end().catch(() => {})
  }

  #keepAlive(): void {
    const verb = this.#holds > 0 ? 'ref' : 'unref'
    this.#timer?.[verb]()
    // Its declared type omits the two.
    const client = this.#client as (pg.Client & { ref(): void; unref(): void }) | undefined
    if (this.#isReady) client?.[verb]()
  }
}

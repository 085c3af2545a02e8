import { Redis } from 'ioredis'
import { ConnectionError, type Unsubscribe } from '../../../kernel/index.js'
import { redisClientOptions } from './client-options.js'
import { connectionError } from './errors.js'
import { HandshakeWatch } from './handshake-watch.js'
import type { RedisTarget } from './options.js'
import { RedisCommand } from './redis-command.js'
import { SilenceWatch } from './silence-watch.js'

/** A command's argument; numbers are written in decimal. */
export type Argument = string | number | Buffer

const NO_ARGUMENTS: readonly Argument[] = []

/** Events of a connection. */
export interface ConnectionListener {
  /** Connected, the first time or again: per-connection state on the server must be set up again. */
  onReady?(): void
  /** Lost, or an attempt failed; it keeps trying. Once for each outage. */
  onDown?(error: ConnectionError): void
}

/** A message listener; `pattern` is the one given to PSUBSCRIBE. */
export type MessageListener = (payload: string, channel: string, pattern?: string) => void

/**
 * One connection to a Redis, opened by its first command and opened again after each loss until it is closed. Only this file uses the
 * client library.
 *
 * Promise 1: a command is sent at most once; when the connection is lost before the reply, it rejects with a
 * ConnectionError (`LVG_CONNECTION_FAILED`) and may or may not have been executed.
 * Promise 2: commands are executed, and their replies arrive, in the order of the calls.
 * Promise 3: it keeps the process alive only while a reply is awaited or `hold` is in force.
 */
export class RedisConnection {
  readonly target: RedisTarget
  /** Hashes of the scripts that the server got over this connection, since it was last made. */
  readonly sentScripts = new Set<string>()
  readonly #client: Redis
  readonly #listeners = new Set<ConnectionListener>()
  readonly #onMessage = new Set<MessageListener>()
  readonly #silence: SilenceWatch
  readonly #handshake: HandshakeWatch
  #awaited = 0
  #closed = false
  #isAbandoned = false
  #isDown = false
  #wasReady = false
  #lastError: Error | undefined

  constructor(target: RedisTarget, name: string) {
    this.target = target
    this.#silence = new SilenceWatch(target.silenceTimeoutMs, {
      isReady: () => this.isReady,
      onSilent: (silentMs) => {
        // Not ended: its other side would have to agree.
        this.#client.stream.destroy(new Error(`no answer for ${silentMs} ms`))
      },
    })
    const { connectTimeoutMs } = target
    this.#handshake = new HandshakeWatch(
      connectTimeoutMs,
      () => this.isReady,
      () => this.#client.stream.destroy(new Error(`connect ETIMEDOUT: no answer for ${connectTimeoutMs} ms`)),
    )
    this.#client = new Redis(redisClientOptions(target, name))
    this.#client.on('ready', () => this.#ready())
    this.#client.on('error', (error: Error) => this.#failed(error))
    this.#client.on('close', () => {
      this.#handshake.end()
      // Another server may answer next, or this one without its memory.
      this.sentScripts.clear()
      this.#down()
    })
    this.#client.on('connect', () => {
      this.#handshake.begin()
      this.#keepAlive()
    })
    this.#client.on('reconnecting', () => this.#keepAlive())
    this.#client.on('pmessage', (pattern: string, channel: string, payload: string) => {
      for (const on of this.#onMessage) on(payload, channel, pattern)
    })
    this.#client.on('message', (channel: string, payload: string) => {
      for (const on of this.#onMessage) on(payload, channel)
    })
  }

  /** Whether commands are sent at once. */
  get isReady(): boolean {
    return this.#client.status === 'ready'
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Sends a command; bulk strings of the reply are read as UTF-8. The caller specifies the reply's type. */
  command<Reply>(name: string, ...args: readonly Argument[]): Promise<Reply> {
    return this.send<Reply>(name, args)
  }

  /** The same with the arguments in an array, which may be long. */
  send<Reply>(name: string, args: readonly Argument[]): Promise<Reply> {
    // The caller knows the command's reply type.
    return this.#send(name, args, 'utf8') as Promise<Reply>
  }

  /** The same with bulk strings of the reply as bytes. */
  sendForBytes<Reply>(name: string, args: readonly Argument[]): Promise<Reply> {
    return this.#send(name, args, null) as Promise<Reply>
  }

  /**
   * Sends commands that the server executes as one step, or not at all; resolves to their replies. Rejects with the error of the first one
   * that failed: when the server refused it beforehand (out of memory, a replica), nothing was executed; when it failed in its turn (a key
   * of another type), the others were.
   */
  async transaction(
    commands: readonly (readonly [name: string, args: readonly Argument[]])[],
  ): Promise<unknown> {
    const sent = this.together(() => [
      this.send('multi', NO_ARGUMENTS),
      ...commands.map(([name, args]) => this.send(name, args)),
      this.send<unknown[]>('exec', NO_ARGUMENTS),
    ])
    const outcomes = await Promise.allSettled(sent)
    // The reply to EXEC says only that a command was refused; the command's own reply says why.
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const last = outcomes.at(-1)
    const replies: readonly unknown[] =
      last?.status === 'fulfilled' && Array.isArray(last.value) ? last.value : []
    for (const reply of replies) if (reply instanceof Error) throw this.#translate(reply)
    return replies
  }

  /** All commands that `sending` sends leave in as few packets as possible. */
  together<Result>(sending: () => Result): Result {
    const { stream } = this.#client
    if (!this.isReady) return sending()
    stream.cork()
    try {
      return sending()
    } finally {
      stream.uncork()
    }
  }

  /** Calls the listener on each change, and now if the connection is ready. */
  listen(listener: ConnectionListener): Unsubscribe {
    this.#listeners.add(listener)
    if (this.isReady) listener.onReady?.()
    return () => void this.#listeners.delete(listener)
  }

  /** Messages of the subscribed channels and patterns; subscribe again in `onReady`. */
  onMessage(on: MessageListener): Unsubscribe {
    this.#onMessage.add(on)
    return () => void this.#onMessage.delete(on)
  }

  /** Keeps the process alive until released. */
  hold(): Unsubscribe {
    let isHeld = true
    this.#await(1)
    return () => {
      if (isHeld) this.#await(-1)
      isHeld = false
    }
  }

  /** Cuts the connection like a network failure would; it is opened again. */
  drop(): void {
    if (!this.#closed) this.#client.disconnect(true)
  }

  /** Disconnects for good from a server that is no longer of use: for pending commands the connection is lost, not closed. */
  abandon(): void {
    this.#isAbandoned = true
    this.close()
  }

  /** Disconnects for good; pending commands reject. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#client.disconnect()
    // Between two attempts the library leaves the commands that wait for the next one without an answer. Its types omit the method.
    if (this.#client.status === 'reconnecting')
      (this.#client as unknown as { flushQueue(error: Error): void }).flushQueue(this.#closedError())
  }

  async #send(name: string, args: readonly Argument[], encoding: 'utf8' | null): Promise<unknown> {
    if (this.#closed) throw this.#closedError()
    this.#await(1)
    this.#silence.asked()
    try {
      // The library copies the array, so the readonly array is only read.
      const command = new RedisCommand(name, args as Argument[], { replyEncoding: encoding })
      return await this.#client.sendCommand(command)
    } catch (error) {
      throw this.#closed ? this.#closedError() : this.#translate(error)
    } finally {
      this.#silence.answered()
      this.#await(-1)
    }
  }

  #translate(error: unknown): ConnectionError {
    const isLoss = error instanceof Error && /MaxRetriesPerRequest|AbortError/.test(error.name)
    const cause = isLoss ? (this.#lastError ?? new Error('the server closed it')) : error
    // The library attaches the whole command to the error: messages, results, the password.
    if (cause instanceof Error && 'command' in cause) delete cause.command
    return connectionError(cause, this.target, this.#wasReady)
  }

  #closedError(): ConnectionError {
    if (this.#isAbandoned)
      return connectionError(new Error('it left the Cluster'), this.target, this.#wasReady)
    return new ConnectionError(`The connection to ${this.target.location} was closed`, {
      code: 'LVG_CONNECTION_CLOSED',
    })
  }

  #ready(): void {
    this.#handshake.end()
    this.#isDown = false
    this.#wasReady = true
    this.#lastError = undefined
    for (const listener of this.#listeners) listener.onReady?.()
  }

  #failed(error: Error): void {
    this.#lastError = error
    if ('command' in error) delete error.command
    // The library would continue in database 0 then, which may belong to another application.
    if (/^ERR DB index|^ERR invalid DB/i.test(error.message)) this.#client.disconnect(true)
  }

  #down(): void {
    if (this.#closed || this.#isDown) return
    this.#isDown = true
    const cause = this.#lastError ?? new Error('the server closed it')
    const error = connectionError(cause, this.target, this.#wasReady)
    for (const listener of this.#listeners) listener.onDown?.(error)
  }

  #await(change: 1 | -1): void {
    this.#awaited += change
    if (this.#awaited <= 1) this.#keepAlive()
  }

  #keepAlive(): void {
    // The pause before the next attempt is the library's own timer, which its types omit.
    const { stream, reconnectTimeout } = this.#client as unknown as {
      stream?: { readonly destroyed?: boolean; ref?(): void; unref?(): void }
      reconnectTimeout?: NodeJS.Timeout | null
    }
    // A closed one would add a listener for a connection that never comes, once for each call.
    const socket = stream?.destroyed ? undefined : stream
    if (this.#awaited > 0) {
      socket?.ref?.()
      reconnectTimeout?.ref()
    } else {
      socket?.unref?.()
      reconnectTimeout?.unref()
    }
  }
}

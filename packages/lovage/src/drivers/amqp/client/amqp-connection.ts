import { type ChannelModel, connect, credentials, type Options } from 'amqplib'
import {
  ConnectionError,
  holdProcess,
  type Logger,
  messageOf,
  type Unsubscribe,
} from '../../../kernel/index.js'
import { AmqpChannel, type ChannelParts } from './amqp-channel.js'
import { amqpError } from './errors.js'
import { HeaderReader } from './header-reader.js'
import { hasEnded, type InnerConnection, innerOf, leave } from './inner-connection.js'
import type { AmqpTarget } from './options.js'
import { PublishingChannel } from './publishing-channel.js'
import { Pulse } from './pulse.js'

/** An open connection to one of the servers. */
interface Link {
  readonly model: ChannelModel
  readonly target: AmqpTarget
}

/** Dependencies of every channel. */
type SharedParts = Pick<ChannelParts, 'error' | 'awaited'>

/**
 * A connection to RabbitMQ, opened when it is first needed, and opened again when it is needed after a loss, to the next of its servers
 * that answers. A consumer, which must learn of a loss without using the connection, listens to its channel. This folder is the only
 * one that uses the client library.
 *
 * Promise 1: an operation on a connection that is unavailable rejects with one ConnectionError that says why (`LVG_CONNECTION_FAILED`,
 * `LVG_CONNECTION_REFUSED`); nothing is queued up meanwhile.
 * Promise 2: it keeps the process alive only while a reply is awaited.
 * Promise 3: no message, whatever its headers, ends it.
 * Promise 4: a server that has vanished silently is noticed within `silenceMs`, whether or not a request is pending.
 */
export class AmqpConnection {
  /** The first of its servers, without the password. */
  readonly location: string
  readonly #targets: readonly AmqpTarget[]
  readonly #name: string
  readonly #logger: Logger
  readonly #channels = new Set<AmqpChannel | PublishingChannel>()
  #link: Promise<Link> | undefined
  #next = 0
  #isClosed = false
  #awaited = 0
  #release: Unsubscribe | undefined
  #blocked: string | undefined
  readonly #onBlocked = new Set<() => void>()
  #version: readonly number[] = []

  /** `name` is the connection name that the server's operators see. */
  constructor(targets: readonly AmqpTarget[], name: string, logger: Logger) {
    this.#targets = targets
    this.location = targets.map(({ location }) => location).join(';')
    this.#name = name
    this.#logger = logger
  }

  /** Major and minor version of the server, once connected. */
  get version(): readonly number[] {
    return this.#version
  }

  /** Called when the server stops accepting messages. */
  onBlocked(on: () => void): Unsubscribe {
    this.#onBlocked.add(on)
    return () => void this.#onBlocked.delete(on)
  }

  /** Why the server accepts no messages now (it is short of memory or disk), if so. */
  get blocked(): string | undefined {
    return this.#blocked
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Opens a channel for consuming and declaring. */
  channel(): Promise<AmqpChannel> {
    return this.#opened(async ({ model }, parts) => {
      const channel = await model.createChannel()
      return new AmqpChannel({ channel, ...innerOf(model, channel), ...parts })
    })
  }

  /** Opens a channel for publishing. */
  publishingChannel(): Promise<PublishingChannel> {
    return this.#opened(async ({ model, target }, parts) => {
      const channel = await model.createConfirmChannel()
      const { confirmTimeoutMs, location } = target
      const isBlocked = (): boolean => this.#blocked !== undefined
      const own = { confirmTimeoutMs, location, isBlocked }
      return new PublishingChannel({ channel, ...innerOf(model, channel), ...parts, ...own })
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const link = await this.#link?.catch(() => undefined)
    this.#link = undefined
    const release = holdProcess()
    // Frames sent without a reply are flushed before the channels close; a server that reads nothing gets no such wait.
    const closeChannels = (): Promise<unknown> =>
      this.#blocked === undefined
        ? Promise.allSettled([...this.#channels].map((one) => one.close()))
        : Promise.resolve()
    if (link) await leave(link.model, closeChannels)
    release()
    this.#stopWaiting()
  }

  async #opened<Opened extends AmqpChannel | PublishingChannel>(
    open: (link: Link, parts: SharedParts) => Promise<Opened>,
  ): Promise<Opened> {
    const link = await this.#awaits(this.#connected())
    const error = (thrown: unknown): ConnectionError =>
      this.#isClosed ? closedError(link.target) : amqpError(thrown, link.target, true)
    try {
      const opened = await this.#awaits(open(link, { error, awaited: (work) => this.#awaits(work) }))
      if (hasEnded(link.model)) throw new Error('channel closed')
      this.#channels.add(opened)
      opened.onClosed(() => this.#channels.delete(opened))
      return opened
    } catch (thrown) {
      throw error(thrown)
    }
  }

  #connected(): Promise<Link> {
    const [first] = this.#targets
    if (this.#isClosed || !first) return Promise.reject(closedError(first))
    if (!this.#link) {
      const link = this.#connect()
      this.#link = link
      link.catch(() => this.#forget(link))
    }
    return this.#link
  }

  #forget(link: Promise<Link>): void {
    if (this.#link === link) this.#link = undefined
    this.#blocked = undefined
  }

  /** Tries each server once, starting with the one after the last that failed. */
  async #connect(): Promise<Link> {
    let failure: ConnectionError | undefined
    for (let attempt = 0; attempt < this.#targets.length; attempt++) {
      const target = this.#targets[this.#next % this.#targets.length]
      if (!target) break
      try {
        const model = await connect(optionsOf(target), this.#socketOptions(target))
        const link = { model, target }
        if (this.#isClosed) {
          await leave(model)
          throw closedError(target)
        }
        if (hasEnded(model)) throw new Error('socket closed')
        this.#adopt(link)
        return link
      } catch (thrown) {
        failure = amqpError(thrown, target)
        this.#next++
      }
    }
    throw failure ?? closedError(undefined)
  }

  #adopt(link: Link): void {
    const { model, target } = link
    // Both would otherwise keep the process alive: see promise 2.
    const inner = model.connection as InnerConnection
    inner.stream?.unref?.()
    inner.heartbeater?.sendTimer?.unref()
    inner.heartbeater?.recvTimer?.unref()
    const pulse = new Pulse({
      model,
      everyMs: target.silenceMs / 3,
      isBlocked: () => this.#blocked !== undefined,
      onDead: (silentMs) => inner.stream?.destroy?.(new Error(`no answer for ${silentMs} ms`)),
    })
    const receive = inner.recvFrame
    const headers = new HeaderReader()
    if (receive) {
      inner.recvFrame = () => {
        const read = inner.rest && headers.read(inner.rest)
        if (read) {
          inner.rest = read.rest
          return read.frame
        }
        const frame = receive.call(model.connection)
        if (frame) pulse.heard()
        return frame
      }
    }
    const { version } = model.connection.serverProperties
    this.#version = String(version).split('.').map(Number)
    let lastError: unknown
    model.on('error', (thrown) => {
      lastError = thrown
    })
    model.on('close', (thrown) => {
      pulse.stop()
      if (this.#isClosed) return
      this.#next++
      this.#link = undefined
      this.#blocked = undefined
      const error = amqpError(lastError ?? thrown ?? new Error('socket closed'), target, true)
      this.#logger.debug({ err: error }, 'a connection to RabbitMQ was lost')
    })
    model.on('blocked', (reason) => {
      this.#blocked = messageOf(reason)
      for (const on of this.#onBlocked) on()
      this.#logger.warn(
        { location: target.location, reason },
        'RabbitMQ is not accepting messages: it is low on memory or disk space; publishing waits',
      )
    })
    model.on('unblocked', () => {
      this.#blocked = undefined
      this.#logger.info({ location: target.location }, 'RabbitMQ is accepting messages again')
    })
  }

  #socketOptions({ tls, connectTimeoutMs, login }: AmqpTarget): Parameters<typeof connect>[1] {
    const { ca, cert, key, servername, verify } = tls ?? {}
    return {
      timeout: connectTimeoutMs,
      noDelay: true,
      keepAlive: true,
      clientProperties: { connection_name: this.#name },
      ...(login === 'EXTERNAL' ? { credentials: credentials.external() } : {}),
      ...(ca === undefined ? {} : { ca: [ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      ...(verify === false ? { rejectUnauthorized: false } : {}),
    }
  }

  async #awaits<Result>(work: Promise<Result>): Promise<Result> {
    this.#awaited++
    this.#release ??= holdProcess()
    try {
      return await work
    } finally {
      if (--this.#awaited === 0) this.#stopWaiting()
    }
  }

  #stopWaiting(): void {
    this.#release?.()
    this.#release = undefined
  }
}

function optionsOf({ host, port, username, password, vhost, heartbeat, tls }: AmqpTarget): Options.Connect {
  return {
    protocol: tls ? 'amqps' : 'amqp',
    hostname: host,
    port,
    username,
    password,
    vhost: encodeURIComponent(vhost),
    heartbeat,
  }
}

function closedError(target: Pick<AmqpTarget, 'location'> | undefined): ConnectionError {
  return new ConnectionError('The connection to RabbitMQ was closed', {
    code: 'LVG_CONNECTION_CLOSED',
    details: { location: target?.location ?? null },
  })
}

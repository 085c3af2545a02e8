import {
  type ConnectionError,
  delay,
  stayAlive,
  systemClock,
  type Unsubscribe,
} from '../../../kernel/index.js'
import type { RedisTarget } from './options.js'
import { redirectionOf } from './redirection.js'
import type { Argument, ConnectionListener, RedisConnection } from './redis-connection.js'
import type { RedisLink } from './redis-link.js'
import type { ServerAddress } from './server-finder.js'

/** How long a command is sent again while its slot is being moved key by key. */
const PATIENCE_MS = 15_000
const PAUSE_MS = 20
const NO_ARGUMENTS: readonly Argument[] = []

/** What a slot's connection asks of the Cluster. */
export interface SlotNodes {
  readonly target: RedisTarget
  readonly isClosed: boolean
  /** Finds the owner, and binds the slot to it. Rejects with a ConnectionError. */
  find(slot: SlotConnection): Promise<RedisConnection>
  at(address: ServerAddress): RedisConnection
  /** The slot is not served: it is bound again as soon as it is. */
  restore(): void
}

/**
 * Sends commands to whichever node owns one slot. A node that refuses because the slot has moved, or is being moved, has executed nothing: the
 * command is sent again where it belongs, so that promise 2 of a connection, the order, does not hold then.
 */
export class SlotConnection implements RedisLink {
  readonly slot: number
  readonly target: RedisTarget
  readonly #key: string
  readonly #nodes: SlotNodes
  readonly #listeners = new Set<ConnectionListener>()
  #node: RedisConnection | undefined
  #isDown = false
  #isUnserved = false

  /** @param key Any key of the slot. */
  constructor(nodes: SlotNodes, slot: number, key: string) {
    this.#nodes = nodes
    this.target = nodes.target
    this.slot = slot
    this.#key = key
  }

  get isReady(): boolean {
    return !this.#isUnserved && this.#node?.isReady === true
  }

  get isClosed(): boolean {
    return this.#nodes.isClosed
  }

  get sentScripts(): Set<string> {
    return this.#node?.sentScripts ?? new Set()
  }

  command<Reply>(name: string, ...args: readonly Argument[]): Promise<Reply> {
    return this.send<Reply>(name, args)
  }

  send<Reply>(name: string, args: readonly Argument[]): Promise<Reply> {
    return this.#carry((node) => node.send<Reply>(name, args), true)
  }

  sendForBytes<Reply>(name: string, args: readonly Argument[]): Promise<Reply> {
    return this.#carry((node) => node.sendForBytes<Reply>(name, args), true)
  }

  transaction(commands: readonly (readonly [name: string, args: readonly Argument[]])[]): Promise<unknown> {
    return this.#carry((node) => node.transaction(commands), false)
  }

  together<Result>(sending: () => Result): Result {
    return this.#node ? this.#node.together(sending) : sending()
  }

  listen(listener: ConnectionListener): Unsubscribe {
    this.#listeners.add(listener)
    if (this.isReady) listener.onReady?.()
    return () => void this.#listeners.delete(listener)
  }

  /** The owner, as far as it is known. */
  get node(): RedisConnection | undefined {
    return this.#node
  }

  bind(node: RedisConnection): void {
    if (node === this.#node) return
    this.#node = node
    if (this.isReady) this.#up()
  }

  nodeIsReady(node: RedisConnection): void {
    if (node === this.#node && !this.#isUnserved) this.#up()
  }

  nodeIsDown(node: RedisConnection, error: ConnectionError): void {
    if (node === this.#node) this.#down(error)
  }

  /** Asks the owner whether it serves the slot again. */
  async probe(): Promise<void> {
    if (!this.#isUnserved || this.#node?.isReady !== true) return
    await this.#node.command('exists', this.#key)
    this.#isUnserved = false
    this.#up()
  }

  async #carry<Reply>(send: (node: RedisConnection) => Promise<Reply>, mayAsk: boolean): Promise<Reply> {
    let node = this.#node ?? (await this.#nodes.find(this))
    let isAsking = false
    const beganMs = performance.now()
    for (let tries = 0; ; tries++) {
      try {
        return await (isAsking ? asked(node, send) : send(node))
      } catch (error) {
        const redirection = redirectionOf(error, node.target.host)
        if (redirection?.kind === 'unserved') this.#unserved(error)
        if (!redirection || redirection.kind === 'unserved' || performance.now() - beganMs > PATIENCE_MS)
          throw error
        isAsking = redirection.kind === 'ask' && mayAsk && !isAsking
        if (isAsking && 'to' in redirection) node = this.#nodes.at(redirection.to)
        else {
          if (redirection.kind === 'moved') this.bind(this.#nodes.at(redirection.to))
          // A slot that is being moved key by key is refused at both ends until the last of its keys has come.
          if (redirection.kind !== 'moved' || tries > 0) await stayAlive(delay(systemClock, PAUSE_MS))
          node = this.#node ?? node
        }
      }
    }
  }

  #unserved(error: unknown): void {
    this.#isUnserved = true
    // Whatever a connection rejects with is one.
    this.#down(error as ConnectionError)
    this.#nodes.restore()
  }

  #up(): void {
    this.#isDown = false
    for (const listener of this.#listeners) listener.onReady?.()
  }

  #down(error: ConnectionError): void {
    if (this.#isDown || this.isClosed) return
    this.#isDown = true
    for (const listener of this.#listeners) listener.onDown?.(error)
  }
}

/** Sends a command to the node that a slot is being moved to. */
function asked<Reply>(
  node: RedisConnection,
  send: (node: RedisConnection) => Promise<Reply>,
): Promise<Reply> {
  return node.together(() => {
    // Where this fails, so does the command, which says why.
    node.send('asking', NO_ARGUMENTS).catch(() => {})
    return send(node)
  })
}

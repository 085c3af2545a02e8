import { type ConnectionError, delay, systemClock } from '../../../kernel/index.js'
import { ClusterMap, type SlotOwners } from './cluster-map.js'
import { keySlot } from './key-slot.js'
import { nodeTarget, type RedisTarget } from './options.js'
import { RedisConnection } from './redis-connection.js'
import type { ServerAddress } from './server-finder.js'
import { SlotConnection, type SlotNodes } from './slot-connection.js'

const FIRST_LOOK_MS = 50
const LONGEST_LOOK_MS = 1_000

/** One connection to each node of a Cluster that owns a slot in use; slots that are served by another node follow it by themselves. */
export class ClusterNodes implements SlotNodes {
  readonly target: RedisTarget
  readonly #name: string
  readonly #map: ClusterMap
  readonly #nodes = new Map<string, RedisConnection>()
  readonly #slots = new Map<number, SlotConnection>()
  #owners: SlotOwners | undefined
  #reading: Promise<SlotOwners> | undefined
  #isRestoring = false
  #isHeld = false
  #closed = false

  constructor(target: RedisTarget, name: string) {
    this.target = target
    this.#name = name
    this.#map = new ClusterMap(target, target.cluster ?? [target])
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** The connection of the slot in which a key is. */
  slotOf(key: string): SlotConnection {
    const number = keySlot(key)
    let slot = this.#slots.get(number)
    if (!slot) {
      slot = new SlotConnection(this, number, key)
      this.#slots.set(number, slot)
      const owner = this.#owners?.of(number)
      if (owner) slot.bind(this.at(owner))
    }
    return slot
  }

  /** All that `sending` sends, to whichever nodes, leaves in as few packets as possible. */
  together<Result>(sending: () => Result): Result {
    let send = sending
    for (const node of this.#nodes.values()) {
      const inner = send
      if (node.isReady) send = () => node.together(inner)
    }
    return send()
  }

  /** Keeps the process alive until it is closed. */
  hold(): void {
    this.#isHeld = true
    for (const node of this.#nodes.values()) node.hold()
  }

  async find(slot: SlotConnection): Promise<RedisConnection> {
    const owner = (this.#owners ?? (await this.#read())).of(slot.slot) ?? (await this.#read()).of(slot.slot)
    if (!owner) throw this.#map.error(`no node serves slot ${slot.slot}`)
    const node = this.at(owner)
    slot.bind(node)
    return node
  }

  at({ host, port }: ServerAddress): RedisConnection {
    const name = `${host}:${port}`
    let node = this.#nodes.get(name)
    if (!node) {
      node = new RedisConnection(nodeTarget(this.target, { host, port }), this.#name)
      this.#nodes.set(name, node)
      this.#watch(node)
    }
    return node
  }

  restore(): void {
    if (this.#isRestoring || this.#closed) return
    this.#isRestoring = true
    void this.#restoreAll()
  }

  /** Opens all connections again. */
  drop(): void {
    for (const node of this.#nodes.values()) node.drop()
  }

  close(): void {
    this.#closed = true
    this.#map.cancel()
    for (const node of this.#nodes.values()) node.close()
  }

  #watch(node: RedisConnection): void {
    node.listen({
      onReady: () => {
        for (const slot of this.#slots.values()) slot.nodeIsReady(node)
      },
      onDown: (error: ConnectionError) => {
        for (const slot of this.#slots.values()) slot.nodeIsDown(node, error)
        this.restore()
      },
    })
    if (this.#isHeld) node.hold()
    // Opens the connection; a node that is away says so above.
    node.command('ping').catch(() => {})
  }

  #read(): Promise<SlotOwners> {
    this.#reading ??= this.#map
      .read()
      .then((owners) => {
        this.#owners = owners
        for (const slot of this.#slots.values()) {
          const owner = owners.of(slot.slot)
          if (owner && !this.#closed) slot.bind(this.at(owner))
        }
        this.#forgetUnused()
        return owners
      })
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  /** A node that left the Cluster would be called for ever. */
  #forgetUnused(): void {
    const used = new Set([...this.#slots.values()].map(({ node }) => node))
    for (const [name, node] of this.#nodes) {
      if (node.isReady || used.has(node)) continue
      // Its callers send again where the slot is served now.
      node.abandon()
      this.#nodes.delete(name)
    }
  }

  /** Follows the Cluster until all slots in use are served. */
  async #restoreAll(): Promise<void> {
    let pauseMs = FIRST_LOOK_MS
    const waiting = (): SlotConnection[] =>
      [...this.#slots.values()].filter((slot) => slot.node && !slot.isReady)
    while (!this.#closed && waiting().length > 0) {
      await delay(systemClock, pauseMs)
      pauseMs = Math.min(LONGEST_LOOK_MS, 2 * pauseMs)
      try {
        await this.#read()
        await Promise.all(waiting().map((slot) => slot.probe()))
      } catch {
        // The listeners know already that the Cluster is not well; the next look comes soon.
      }
    }
    this.#isRestoring = false
  }
}

import type { Clock, DriverOptions, Unsubscribe } from '../../kernel/index.js'
import type { CoordinationStore, LeaseGrant, Mark, RateRequest, SlotRequest } from '../coordination-store.js'
import { takeTurn } from '../gcra.js'

interface Lease {
  readonly holder: string
  readonly token: bigint
  readonly expiresMs: number
}

/** What the stores of one URL share. */
class Shared {
  readonly leases = new Map<string, Lease>()
  readonly turns = new Map<string, number>()
  readonly slots = new Map<string, Map<string, number>>()
  readonly spaces = new Map<string, Map<string, Mark>>()
  readonly listeners = new Map<string, Set<() => void>>()
  lastToken = 0n
}

/** Agreement inside one process; stores with the same URL share it. */
class MemoryCoordinationStore implements CoordinationStore {
  readonly kind = 'memory'
  readonly #shared: Shared
  readonly #clock: Clock

  constructor(shared: Shared, clock: Clock) {
    this.#shared = shared
    this.#clock = clock
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined> {
    const nowMs = this.#clock.now()
    const current = this.#shared.leases.get(name)
    const isLiving = current !== undefined && current.expiresMs > nowMs
    if (isLiving && current.holder !== holder) return undefined
    const token = isLiving ? current.token : this.#nextToken(nowMs)
    const expiresMs = nowMs + ttlMs
    this.#shared.leases.set(name, { holder, token, expiresMs })
    return { token, expiresMs }
  }

  #nextToken(nowMs: number): bigint {
    const { lastToken } = this.#shared
    const fromClock = BigInt(Math.floor(nowMs))
    this.#shared.lastToken = lastToken < fromClock ? fromClock : lastToken + 1n
    return this.#shared.lastToken
  }

  async release(name: string, token: bigint): Promise<void> {
    if (this.#shared.leases.get(name)?.token === token) this.#shared.leases.delete(name)
  }

  async takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]> {
    const nowMs = this.#clock.now()
    const { turns } = this.#shared
    return requests.map(({ key, intervalMs, burst }) => {
      const { atMs, nextMs } = takeTurn(turns.get(key), nowMs, intervalMs, burst)
      turns.set(key, nextMs)
      return atMs
    })
  }

  async enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]> {
    const nowMs = this.#clock.now()
    return requests.map(({ key, member, limit, ttlMs }) => {
      const members = this.#shared.slots.get(key) ?? new Map<string, number>()
      for (const [other, expiresMs] of members) if (expiresMs <= nowMs) members.delete(other)
      if (!members.has(member) && members.size >= limit) return false
      this.#shared.slots.set(key, members.set(member, nowMs + ttlMs))
      return true
    })
  }

  async leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void> {
    for (const { key, member } of places) {
      const members = this.#shared.slots.get(key)
      members?.delete(member)
      if (members?.size === 0) this.#shared.slots.delete(key)
    }
  }

  async put(
    space: string,
    marks: readonly Mark[],
    options: { readonly ifAbsent?: boolean } = {},
  ): Promise<readonly Mark[]> {
    const standing = this.#living(space)
    const now = marks.map((mark) => {
      const present = options.ifAbsent ? standing.get(mark.key) : undefined
      if (!present) standing.set(mark.key, mark)
      return present ?? mark
    })
    this.#ring(space)
    return now
  }

  async list(space: string, keys?: readonly string[]): Promise<readonly Mark[]> {
    const living = this.#living(space)
    return keys ? keys.flatMap((key) => living.get(key) ?? []) : [...living.values()]
  }

  async remove(
    space: string,
    marks: readonly { readonly key: string; readonly value?: string }[],
  ): Promise<number> {
    const living = this.#living(space)
    const removed = marks.filter(({ key, value }) => {
      const present = living.get(key)
      return present !== undefined && (value === undefined || present.value === value) && living.delete(key)
    })
    if (removed.length > 0) this.#ring(space)
    return removed.length
  }

  watch(space: string, on: () => void): Unsubscribe {
    const listener = (): void => on()
    const listeners = this.#shared.listeners.get(space) ?? new Set()
    this.#shared.listeners.set(space, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  async close(): Promise<void> {}

  #living(space: string): Map<string, Mark> {
    const marks = this.#shared.spaces.get(space) ?? new Map<string, Mark>()
    this.#shared.spaces.set(space, marks)
    const nowMs = this.#clock.now()
    for (const { key, expiresMs } of marks.values())
      if (expiresMs !== undefined && expiresMs <= nowMs) marks.delete(key)
    return marks
  }

  #ring(space: string): void {
    for (const listener of this.#shared.listeners.get(space) ?? []) queueMicrotask(listener)
  }
}

const stores = new Map<string, Shared>()

/** Opens the store that a `memory://name` URL names. */
export async function openMemoryCoordinationStore(
  url: string,
  { clock }: DriverOptions,
): Promise<CoordinationStore> {
  const shared = stores.get(url) ?? new Shared()
  stores.set(url, shared)
  return new MemoryCoordinationStore(shared, clock)
}

import type {
  CoordinationStore,
  LeaseGrant,
  Mark,
  MarkListener,
  MarkReplacement,
  RateRequest,
  SlotRequest,
  TurnRequest,
} from '../../../coordination/index.js'
import type { Clock, DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import { REMEMBERED_MS, takeTurn, tryTurns } from '../../shared/index.js'
import { EndingMap } from './ending-map.js'

interface Lease {
  readonly holder: string
  readonly token: bigint
}

/** State shared by the stores of one URL. */
class Shared {
  readonly leases = new EndingMap<Lease>()
  /** A rate whose next turn is past is as good as unknown. */
  readonly turns = new EndingMap<number>()
  /** Members with their expiry; a key ends with its last member. */
  readonly slots = new EndingMap<Map<string, number>>()
  readonly spaces = new Map<string, EndingMap<Mark>>()
  readonly listeners = new Map<string, Set<(keys: readonly string[]) => void>>()
  lastToken = 0n
}

/** Coordination inside one process; stores with the same URL share it. */
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
    const current = this.#shared.leases.get(name, nowMs)
    if (current && current.holder !== holder) return undefined
    const token = current?.token ?? this.#nextToken(nowMs)
    const expiresMs = nowMs + ttlMs
    this.#shared.leases.set(name, { holder, token }, expiresMs, nowMs)
    return { token, expiresMs }
  }

  #nextToken(nowMs: number): bigint {
    const { lastToken } = this.#shared
    const fromClock = BigInt(Math.floor(nowMs))
    this.#shared.lastToken = lastToken < fromClock ? fromClock : lastToken + 1n
    return this.#shared.lastToken
  }

  async release(name: string, token: bigint): Promise<void> {
    if (this.#shared.leases.get(name, this.#clock.now())?.token === token) this.#shared.leases.delete(name)
  }

  async takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]> {
    const nowMs = this.#clock.now()
    const { turns } = this.#shared
    return requests.map(({ key, intervalMs, burst }) => {
      const { atMs, nextMs } = takeTurn(turns.get(key, nowMs), nowMs, intervalMs, burst)
      turns.set(key, nextMs, nextMs, nowMs)
      return atMs
    })
  }

  async tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]> {
    const nowMs = this.#clock.now()
    const { turns } = this.#shared
    return groups.map((group) => {
      const next = new Map(group.map(({ key }) => [key, turns.get(key, nowMs) ?? 0]))
      const waits = tryTurns(group, next, nowMs)
      if (waits.every((waitMs) => waitMs === 0))
        for (const [key, nextMs] of next) turns.set(key, nextMs, nextMs + REMEMBERED_MS, nowMs)
      return waits
    })
  }

  async enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]> {
    const nowMs = this.#clock.now()
    const { slots } = this.#shared
    return requests.map(({ key, member, limit, ttlMs }) => {
      const members = slots.get(key, nowMs) ?? new Map<string, number>()
      for (const [other, endMs] of members) if (endMs <= nowMs) members.delete(other)
      if (!members.has(member) && members.size >= limit) return false
      members.set(member, nowMs + ttlMs)
      slots.set(key, members, Math.max(...members.values()), nowMs)
      return true
    })
  }

  async leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void> {
    for (const { key, member } of places) {
      const members = this.#shared.slots.get(key, this.#clock.now())
      members?.delete(member)
      if (members?.size === 0) this.#shared.slots.delete(key)
    }
  }

  async put(
    space: string,
    marks: readonly Mark[],
    options: { readonly ifAbsent?: boolean } = {},
  ): Promise<readonly Mark[]> {
    const nowMs = this.#clock.now()
    const living = this.#shared.spaces.get(space) ?? new EndingMap<Mark>()
    this.#shared.spaces.set(space, living)
    const changed: string[] = []
    const now = marks.map((mark) => {
      const present = options.ifAbsent ? living.get(mark.key, nowMs) : undefined
      if (present) return present
      living.set(mark.key, mark, mark.expiresMs ?? Number.POSITIVE_INFINITY, nowMs)
      changed.push(mark.key)
      return mark
    })
    this.#ring(space, changed)
    return now
  }

  async replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]> {
    const nowMs = this.#clock.now()
    const living = this.#shared.spaces.get(space)
    const done = replacements.map(({ was, mark }) => {
      if (living?.get(mark.key, nowMs)?.value !== was) return false
      living.set(mark.key, mark, mark.expiresMs ?? Number.POSITIVE_INFINITY, nowMs)
      return true
    })
    this.#ring(
      space,
      replacements.flatMap(({ mark }, index) => (done[index] ? [mark.key] : [])),
    )
    return done
  }

  async list(space: string, keys?: readonly string[]): Promise<readonly Mark[]> {
    const nowMs = this.#clock.now()
    const living = this.#shared.spaces.get(space)
    if (!living) return []
    return keys ? keys.flatMap((key) => living.get(key, nowMs) ?? []) : living.values(nowMs)
  }

  async remove(
    space: string,
    marks: readonly { readonly key: string; readonly value?: string }[],
  ): Promise<number> {
    const nowMs = this.#clock.now()
    const living = this.#shared.spaces.get(space)
    const removed: string[] = []
    for (const { key, value } of marks) {
      const present = living?.get(key, nowMs)
      if (!present || (value !== undefined && present.value !== value)) continue
      living?.delete(key)
      removed.push(key)
    }
    this.#ring(space, removed)
    return removed.length
  }

  watch(space: string, on: MarkListener): Unsubscribe {
    let isWatching = true
    const listener = (keys: readonly string[]): void => {
      if (isWatching) on(keys)
    }
    const listeners = this.#shared.listeners.get(space) ?? new Set()
    this.#shared.listeners.set(space, listeners.add(listener))
    return () => {
      isWatching = false
      listeners.delete(listener)
      if (listeners.size === 0 && this.#shared.listeners.get(space) === listeners)
        this.#shared.listeners.delete(space)
    }
  }

  async close(): Promise<void> {}

  #ring(space: string, keys: readonly string[]): void {
    if (keys.length === 0) return
    for (const listener of this.#shared.listeners.get(space) ?? []) queueMicrotask(() => listener(keys))
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

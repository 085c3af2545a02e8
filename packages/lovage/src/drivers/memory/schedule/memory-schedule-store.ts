import type { Unsubscribe } from '../../../kernel/index.js'
import {
  type Advance,
  type AdvanceReply,
  advanced,
  decodeDefinition,
  type Entry,
  type EntryPut,
  encodeDefinition,
  type ScheduleStore,
} from '../../../schedule-store/index.js'

/** State shared by the openings of one app's entries; it ends with the last of them. */
interface Shared {
  readonly entries: Map<string, Entry>
  readonly watchers: Set<() => void>
  fence: bigint
  openings: number
}

const shares = new Map<string, Shared>()

/** Opens the entries of the app `space` in this process's memory, under `memory://name`. */
export function openMemoryScheduleStore(url: string, space: string): ScheduleStore {
  const key = `${url} ${space}`
  const shared = shares.get(key) ?? { entries: new Map(), watchers: new Set(), fence: 0n, openings: 0 }
  shares.set(key, shared)
  shared.openings++
  return new MemoryScheduleStore(url, shared, () => {
    if (--shared.openings === 0) shares.delete(key)
  })
}

/** Entries in this process, for tests and for apps whose broker is in memory too. */
class MemoryScheduleStore implements ScheduleStore {
  readonly kind = 'memory'
  readonly location: string
  readonly #shared: Shared
  readonly #entries: Map<string, Entry>
  readonly #watching = new Set<() => void>()
  #release: (() => void) | undefined

  constructor(location: string, shared: Shared, release: () => void) {
    this.location = location
    this.#shared = shared
    this.#entries = shared.entries
    this.#release = release
  }

  async load(): Promise<readonly Entry[]> {
    return [...this.#entries.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  async put(puts: readonly EntryPut[]): Promise<readonly boolean[]> {
    const written = puts.map(({ entry, restartMs }) => {
      const stored = this.#entries.get(entry.name)
      if ((stored?.revision ?? 0) !== entry.revision) return false
      const state = stored?.state ?? entry.state
      this.#entries.set(entry.name, {
        ...entry,
        // As other stores do: the value at the time of the call is written, not the caller's later changes.
        definition: decodeDefinition(encodeDefinition(entry.definition)),
        revision: entry.revision + 1,
        state: restartMs === undefined ? state : { ...state, anchorMs: restartMs, cursorMs: restartMs },
      })
      return true
    })
    if (written.includes(true)) this.#changed()
    return written
  }

  async delete(entries: readonly Pick<Entry, 'name' | 'revision'>[]): Promise<number> {
    const gone = entries.filter(
      ({ name, revision }) => this.#entries.get(name)?.revision === revision && this.#entries.delete(name),
    )
    if (gone.length > 0) this.#changed()
    return gone.length
  }

  async advance(advances: readonly Advance[], token?: bigint): Promise<AdvanceReply> {
    if (token !== undefined && token < this.#shared.fence)
      return { fenced: true, written: advances.map(() => false) }
    if (token !== undefined) this.#shared.fence = token
    const written = advances.map((advance) => {
      const stored = this.#entries.get(advance.name)
      if (stored?.state.cursorMs !== advance.fromCursorMs) return false
      this.#entries.set(stored.name, { ...stored, state: advanced(stored.state, advance) })
      return true
    })
    return { fenced: false, written }
  }

  watch(on: () => void): Unsubscribe {
    const watcher = () => on()
    this.#shared.watchers.add(watcher)
    this.#watching.add(watcher)
    return () => {
      this.#shared.watchers.delete(watcher)
      this.#watching.delete(watcher)
    }
  }

  async close(): Promise<void> {
    for (const watcher of this.#watching) this.#shared.watchers.delete(watcher)
    this.#release?.()
    this.#release = undefined
  }

  #changed(): void {
    for (const watcher of this.#shared.watchers) queueMicrotask(watcher)
  }
}

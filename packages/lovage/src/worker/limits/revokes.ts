import { REVOKED, REVOKED_STAMPS, stampKey } from '../../app/fleet/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import { type Logger, messageOf } from '../../kernel/index.js'
import { lifeSince, type TaskHeaders } from '../../message/index.js'

/** How a task is revoked. */
export interface Revocation {
  /** Whether it is stopped while running. */
  readonly terminate: boolean
  readonly signal?: NodeJS.Signals
  /** Unix ms at which it was revoked; undefined = unknown. */
  readonly atMs?: number | undefined
  /** Unix ms at which it is forgotten; undefined = never. */
  readonly expiresMs?: number | undefined
}

/** The headers that decide whether a task is revoked: its id and the id's life, its stamps. */
type RevocableHeaders = Pick<TaskHeaders, 'id' | 'stamps' | 'stamped_headers'> &
  Readonly<Record<string, unknown>>

/** The revoked tasks, as a worker knows them: a copy of the coordination store's marks, kept current. */
export class Revokes {
  readonly #store: CoordinationStore
  readonly #logger: Logger
  #onChange: () => void = () => {}
  readonly #ids = new Map<string, Revocation>()
  readonly #stamps = new Map<string, Revocation>()
  #unwatch: (() => void)[] = []
  /** The parts to read: all of a space, or some keys. */
  readonly #stale = new Map<string, Set<string> | 'all'>()
  #isLooking = false

  constructor(store: CoordinationStore, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /**
   * Reads the tasks revoked before this worker was up, and follows changes; `onChange` is called when there may be new ones, possibly
   * among held tasks.
   */
  async start(onChange: () => void): Promise<void> {
    this.#onChange = onChange
    this.#unwatch = [REVOKED, REVOKED_STAMPS].map((space) =>
      this.#store.watch(space, (keys) => void this.#look(space, keys)),
    )
    for (const space of [REVOKED, REVOKED_STAMPS]) await this.#read(space, 'all')
    this.#onChange()
  }

  stop(): void {
    for (const unwatch of this.#unwatch) unwatch()
  }

  /** The revoked ids. */
  get ids(): readonly string[] {
    return [...this.#ids.keys()]
  }

  /** Whether a task of this id is revoked. */
  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Ids reported to this worker before it reads the store. */
  hear(ids: readonly string[], revocation: Revocation): void {
    for (const id of ids) this.#ids.set(id, revocation)
    this.#onChange()
  }

  /** How a task is revoked; undefined if it is not. */
  of(headers: RevocableHeaders): Revocation | undefined {
    if (this.#ids.size === 0 && this.#stamps.size === 0) return undefined
    const byId = this.#byId(headers)
    if (byId || this.#stamps.size === 0) return byId
    for (const [header, values] of Object.entries(headers.stamps)) {
      for (const value of [values].flat()) {
        const byStamp = this.#stamps.get(stampKey(header, value))
        if (byStamp) return byStamp
      }
    }
    return undefined
  }

  /** A revoke of an id before its reuse does not apply to its new life. */
  #byId(headers: RevocableHeaders): Revocation | undefined {
    const found = this.#ids.get(headers.id)
    if (found?.atMs === undefined) return found
    return (lifeSince(headers) ?? 0) > found.atMs ? undefined : found
  }

  /** One read at a time; changes made meanwhile are read after it. */
  async #look(space: string, keys: readonly string[] | undefined): Promise<void> {
    const stale = this.#stale.get(space)
    if (!keys) this.#stale.set(space, 'all')
    else if (stale !== 'all') this.#stale.set(space, new Set([...(stale ?? []), ...keys]))
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      for (const [name, what] of this.#stale) {
        this.#stale.delete(name)
        await this.#read(name, what).catch((error: unknown) => {
          // Retried with the next change, or the next check.
          this.#stale.set(name, 'all')
          throw error
        })
      }
      this.#onChange()
    } catch (error) {
      this.#logger.warn({ err: error }, `Cannot read what is revoked: ${messageOf(error)}`)
    } finally {
      this.#isLooking = false
    }
  }

  /** Remembered ids cost memory; applying a change takes time proportional to its size. */
  async #read(space: string, what: ReadonlySet<string> | 'all'): Promise<void> {
    const known = space === REVOKED ? this.#ids : this.#stamps
    const marks = await this.#store.list(space, what === 'all' ? undefined : [...what])
    if (what === 'all') known.clear()
    else for (const key of what) known.delete(key)
    for (const { key, value, expiresMs } of marks) known.set(key, { ...readRevocation(value), expiresMs })
    // They expire in the order in which they came, if their lifetimes are equal.
    const nowMs = Date.now()
    for (const [key, { expiresMs = Number.POSITIVE_INFINITY }] of known) {
      if (expiresMs > nowMs) break
      known.delete(key)
    }
  }
}

/** A mark written by another version counts as a plain revoke. */
function readRevocation(value: string): Revocation {
  try {
    const { terminate, signal, at_ms: atMs } = JSON.parse(value) as Readonly<Record<string, unknown>>
    // The name is checked where a process is signalled.
    return {
      terminate: terminate === true,
      ...(typeof atMs === 'number' ? { atMs } : {}),
      ...(typeof signal === 'string' ? { signal: signal as NodeJS.Signals } : {}),
    }
  } catch {
    return { terminate: false }
  }
}

import { REVOKED, REVOKED_STAMPS, stampKey } from '../../app/operating/index.js'
import type { CoordinationStore, Mark } from '../../coordination/index.js'
import { type Logger, messageOf } from '../../kernel/index.js'
import type { TaskHeaders } from '../../message/index.js'

/** How a task is revoked. */
export interface Revocation {
  /** Whether it is stopped while it runs. */
  readonly terminate: boolean
  readonly signal?: NodeJS.Signals
}

/** The revoked tasks, as a worker knows them: a copy of what stands in the coordination store, kept fresh. */
export class Revokes {
  readonly #store: CoordinationStore
  readonly #logger: Logger
  #ids: ReadonlyMap<string, Revocation> = new Map()
  #stamps: ReadonlyMap<string, Revocation> = new Map()
  #unwatch: (() => void)[] = []
  #onChange: () => void = () => {}
  #isLooking = false
  #isStale = false

  constructor(store: CoordinationStore, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /**
   * Reads what was revoked before this worker was up, and follows what comes; `onChange` is called when there may be more, and what is
   * held may be among it.
   */
  async start(onChange: () => void): Promise<void> {
    this.#onChange = onChange
    this.#unwatch = [REVOKED, REVOKED_STAMPS].map((space) =>
      this.#store.watch(space, () => void this.#look()),
    )
    await this.#read()
  }
  stop(): void {
    for (const unwatch of this.#unwatch) unwatch()
  }

  /** Ids that are revoked. */
  get ids(): readonly string[] {
    return [...this.#ids.keys()]
  }

  /** How a task is revoked; undefined when it is not. */
  of(headers: Pick<TaskHeaders, 'id' | 'stamps' | 'stamped_headers'>): Revocation | undefined {
    if (this.#ids.size === 0 && this.#stamps.size === 0) return undefined
    const byId = this.#ids.get(headers.id)
    if (byId || this.#stamps.size === 0) return byId
    for (const [header, values] of Object.entries(headers.stamps)) {
      for (const value of [values].flat()) {
        const byStamp = this.#stamps.get(stampKey(header, value))
        if (byStamp) return byStamp
      }
    }
    return undefined
  }

  /** One reading at a time; what changes meanwhile is read after it. */
  async #look(): Promise<void> {
    this.#isStale = true
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        await this.#read()
      }
    } catch (error) {
      this.#logger.warn({ err: error }, `Cannot read what is revoked: ${messageOf(error)}`)
    } finally {
      this.#isLooking = false
    }
  }

  async #read(): Promise<void> {
    const [ids, stamps] = await Promise.all([this.#store.list(REVOKED), this.#store.list(REVOKED_STAMPS)])
    this.#ids = revocations(ids)
    this.#stamps = revocations(stamps)
    this.#onChange()
  }
}

function revocations(marks: readonly Mark[]): ReadonlyMap<string, Revocation> {
  return new Map(marks.map(({ key, value }) => [key, readRevocation(value)]))
}

/** What somebody else's version wrote counts as a plain revoke. */
function readRevocation(value: string): Revocation {
  try {
    const { terminate, signal } = JSON.parse(value) as { terminate?: unknown; signal?: unknown }
    // The name is checked where a process is signalled.
    return {
      terminate: terminate === true,
      ...(typeof signal === 'string' ? { signal: signal as NodeJS.Signals } : {}),
    }
  } catch {
    return { terminate: false }
  }
}

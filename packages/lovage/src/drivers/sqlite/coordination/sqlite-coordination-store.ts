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
import { openSqliteFile, type SqliteFile } from '../file/index.js'
import type program from './program.js'

const PROGRAM = new URL('./program.js', import.meta.url)
const load = (file: SqliteFile) => file.load<typeof program>(PROGRAM)

/** Opens the store in the file that a `sqlite://` URL names. */
export async function openSqliteCoordinationStore(
  url: string,
  { clock }: DriverOptions,
): Promise<CoordinationStore> {
  const file = await openSqliteFile(url)
  try {
    return new SqliteCoordinationStore(file, await load(file), clock)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Coordination between the processes that share a SQLite file. */
class SqliteCoordinationStore implements CoordinationStore {
  readonly kind = 'sqlite'
  readonly #file: SqliteFile
  readonly #procedures: Awaited<ReturnType<typeof load>>
  readonly #clock: Clock

  constructor(file: SqliteFile, procedures: Awaited<ReturnType<typeof load>>, clock: Clock) {
    this.#file = file
    this.#procedures = procedures
    this.#clock = clock
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined> {
    const grant = await this.#procedures.call('acquire', { name, holder, ttlMs, nowMs: this.#clock.now() })
    return grant && { token: BigInt(grant.token), expiresMs: grant.expiresMs }
  }
  async release(name: string, token: bigint): Promise<void> {
    await this.#procedures.call('release', { name, token: Number(token) })
  }
  tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]> {
    return this.#procedures.call('tryTurns', { groups, nowMs: this.#clock.now() })
  }
  takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]> {
    return this.#procedures.call('takeTurns', { requests, nowMs: this.#clock.now() })
  }
  enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]> {
    return this.#procedures.call('enter', { requests, nowMs: this.#clock.now() })
  }
  async leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void> {
    await this.#procedures.call('leave', places)
  }
  put(
    space: string,
    marks: readonly Mark[],
    options: { readonly ifAbsent?: boolean } = {},
  ): Promise<readonly Mark[]> {
    return this.#procedures.call('put', {
      space,
      marks,
      ifAbsent: options.ifAbsent ?? false,
      nowMs: this.#clock.now(),
    })
  }
  replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]> {
    return this.#procedures.call('replace', { space, replacements, nowMs: this.#clock.now() })
  }
  list(space: string, keys?: readonly string[]): Promise<readonly Mark[]> {
    return this.#procedures.call('list', { space, keys, nowMs: this.#clock.now() })
  }
  remove(
    space: string,
    marks: readonly { readonly key: string; readonly value?: string }[],
  ): Promise<number> {
    return this.#procedures.call('remove', { space, marks })
  }
  watch(space: string, on: MarkListener): Unsubscribe {
    let since: number | undefined
    let isOver = false
    const look = async (): Promise<void> => {
      const before = since
      const { last, keys } = await this.#procedures.call('changes', { space, since: before ?? 0 })
      since = Math.max(since ?? 0, last)
      if (isOver) return
      // The first look always notifies: a change may have come before it, after the watch started.
      if (before === undefined || !keys) on()
      else if (keys.length > 0) on(keys)
    }
    // A failed look is treated like one that cannot tell what changed.
    const stop = this.#file.watch(`marks:${space}`, () => void look().catch(() => isOver || on()))
    return () => {
      isOver = true
      stop()
    }
  }
  close(): Promise<void> {
    return this.#file.close()
  }
}

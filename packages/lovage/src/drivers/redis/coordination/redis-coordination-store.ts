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
import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import { parseRedisUrl, RedisConnection, redisOptionsOf, VersionWatch } from '../client/index.js'
import {
  ACQUIRE,
  ENTER,
  LIST_MARKS,
  PUT_MARKS,
  RELEASE,
  REMOVE_MARKS,
  REPLACE_MARKS,
  TAKE_TURNS,
  TRY_TURNS,
} from './scripts.js'

/** The maximum of marks or keys in one script: it blocks the server while it runs. */
const AT_ONCE = 500

/** Opens the store on Redis; the first operation connects. Throws a ConfigurationError. */
export async function openRedisCoordinationStore(
  url: string,
  options: DriverOptions,
): Promise<CoordinationStore> {
  return new RedisCoordinationStore(url, options)
}

/** Coordination between all processes that share a Redis; every time is the server's. */
class RedisCoordinationStore implements CoordinationStore {
  readonly kind = 'redis'
  readonly #connection: RedisConnection
  readonly #watch: VersionWatch
  readonly #prefix: string
  readonly #db: number

  constructor(url: string, { settings, clock }: DriverOptions) {
    const names = { transport: 'brokerTransportOptions', ssl: 'brokerUseSsl' } as const
    const target = parseRedisUrl(url, redisOptionsOf(settings, names))
    this.#connection = new RedisConnection(target, 'lovage:coordination')
    this.#prefix = `${target.keyPrefix}lovage:`
    this.#db = target.db
    this.#watch = new VersionWatch(
      target,
      clock,
      'lovage:mark-subscriber',
      (space) => this.#markKeys(space)[3],
      (spaces) =>
        this.#connection.command<(string | null)[]>(
          'mget',
          ...spaces.map((space) => this.#markKeys(space)[2]),
        ),
    )
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined> {
    const keys: [string, string] = [this.#key('lease', name), `${this.#prefix}lease-token`]
    const granted = await ACQUIRE.run(this.#connection, keys, [holder, Math.ceil(ttlMs)])
    return granted ? { token: BigInt(granted[0]), expiresMs: Number(granted[1]) } : undefined
  }

  async release(name: string, token: bigint): Promise<void> {
    await RELEASE.run(this.#connection, [this.#key('lease', name)], [String(token)])
  }

  async takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]> {
    if (requests.length === 0) return []
    const turns = await TAKE_TURNS.run(
      this.#connection,
      requests.map(({ key }) => this.#key('rate', key)),
      requests.flatMap(({ intervalMs, burst }) => [intervalMs, burst]),
    )
    return turns.map(Number)
  }

  async tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]> {
    if (groups.every((group) => group.length === 0)) return groups.map(() => [])
    const waits = await TRY_TURNS.run(
      this.#connection,
      groups.flatMap((group) => group.map(({ key }) => this.#key('rate', key))),
      groups.flatMap((group, place) =>
        group.flatMap(({ intervalMs, idleMs = 0 }) => [place, intervalMs, idleMs]),
      ),
    )
    let at = 0
    return groups.map((group) => group.map(() => Number(waits[at++])))
  }

  async enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]> {
    if (requests.length === 0) return []
    const entered = await ENTER.run(
      this.#connection,
      requests.map(({ key }) => this.#key('slots', key)),
      requests.flatMap(({ member, limit, ttlMs }) => [member, limit, Math.ceil(ttlMs)]),
    )
    return entered.map((one) => one === 1)
  }

  async leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void> {
    await this.#connection.together(() =>
      Promise.all(
        places.map(({ key, member }) => this.#connection.command('zrem', this.#key('slots', key), member)),
      ),
    )
  }

  async put(
    space: string,
    marks: readonly Mark[],
    { ifAbsent = false }: { readonly ifAbsent?: boolean } = {},
  ): Promise<readonly Mark[]> {
    const standing: Mark[] = []
    for (let at = 0; at < marks.length; at += AT_ONCE) {
      const batch = marks.slice(at, at + AT_ONCE)
      const words = batch.flatMap(({ key, value, expiresMs }) => [key, value, expiresMs ?? '-'])
      const reply = await PUT_MARKS.run(this.#connection, this.#markKeys(space), [ifAbsent ? 1 : 0, ...words])
      for (let index = 0; index < batch.length; index++) {
        const key = batch[index]?.key
        if (key !== undefined) standing.push(markOf(key, reply[2 * index], reply[2 * index + 1]))
      }
    }
    return standing
  }

  async replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]> {
    const done: boolean[] = []
    for (let at = 0; at < replacements.length; at += AT_ONCE) {
      const words = replacements
        .slice(at, at + AT_ONCE)
        .flatMap(({ was, mark: { key, value, expiresMs } }) => [key, was, value, expiresMs ?? '-'])
      const reply = await REPLACE_MARKS.run(this.#connection, this.#markKeys(space), words)
      done.push(...reply.map((one) => one === 1))
    }
    return done
  }

  async list(space: string, keys?: readonly string[]): Promise<readonly Mark[]> {
    if (keys?.length === 0) return []
    const [marks] = this.#markKeys(space)
    const found: Mark[] = []
    for (let at = 0; at < (keys?.length ?? 1); at += AT_ONCE) {
      const reply = await LIST_MARKS.run(this.#connection, [marks], keys?.slice(at, at + AT_ONCE) ?? [])
      for (let index = 0; index + 2 < reply.length; index += 3) {
        const key = reply[index]
        if (key !== undefined) found.push(markOf(key, reply[index + 1], reply[index + 2]))
      }
    }
    return found
  }

  async remove(
    space: string,
    marks: readonly { readonly key: string; readonly value?: string }[],
  ): Promise<number> {
    let removed = 0
    for (let at = 0; at < marks.length; at += AT_ONCE) {
      const words = marks
        .slice(at, at + AT_ONCE)
        .flatMap(({ key, value }) => [key, value === undefined ? 0 : 1, value ?? ''])
      removed += await REMOVE_MARKS.run(this.#connection, this.#markKeys(space), words)
    }
    return removed
  }

  watch(space: string, on: MarkListener): Unsubscribe {
    return this.#watch.add(space, on)
  }

  async close(): Promise<void> {
    this.#watch.close()
    this.#connection.close()
  }

  #key(what: string, name: string): string {
    return `${this.#prefix}${what}:${name}`
  }

  #markKeys(space: string): [marks: string, ends: string, version: string, channel: string] {
    return [
      this.#key('marks', space),
      this.#key('mark-ends', space),
      this.#key('mark-version', space),
      // Channels are shared by all databases of a server.
      this.#key(`marks-changed:${this.#db}`, space),
    ]
  }
}

const markOf = (key: string, value = '', expiresMs = '-'): Mark => ({
  key,
  value,
  ...(expiresMs === '-' ? {} : { expiresMs: Number(expiresMs) }),
})

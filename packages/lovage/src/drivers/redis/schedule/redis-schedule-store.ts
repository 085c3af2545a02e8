import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import {
  type Advance,
  type AdvanceReply,
  decodeDefinition,
  type Entry,
  type EntryDefinition,
  type EntryPut,
  type EntryState,
  encodeDefinition,
  type ScheduleStore,
} from '../../../schedule-store/index.js'
import { parseRedisUrl, RedisConnection, redisOptionsOf, VersionWatch } from '../client/index.js'
import { ADVANCE_SCHEDULE, DELETE_SCHEDULE, LOAD_SCHEDULE, PUT_SCHEDULE } from './scripts.js'

/** The maximum of entries in one script: it blocks the server while it runs. */
const AT_ONCE = 500

/** The stored fields of an entry besides its name, revision and state. */
interface Kept {
  /** JSON in the messages' dialect. */
  readonly definition: string
  readonly code: string | null
  readonly changed: readonly (keyof EntryDefinition)[]
  readonly removed: boolean
}

/** Opens the entries of the app `space` on Redis; the first operation connects. Throws a ConfigurationError. */
export function openRedisScheduleStore(url: string, space: string, options: DriverOptions): ScheduleStore {
  return new RedisScheduleStore(url, space, options)
}

/** Entries on Redis: two hashes by name, one for definitions and one for beat's progress. */
class RedisScheduleStore implements ScheduleStore {
  readonly kind = 'redis'
  readonly location: string
  readonly #connection: RedisConnection
  readonly #watch: VersionWatch
  readonly #space: string
  readonly #keys: Readonly<Record<'entries' | 'states' | 'fence' | 'version' | 'channel', string>>

  constructor(url: string, space: string, { settings, clock }: DriverOptions) {
    const names = { transport: 'brokerTransportOptions', ssl: 'brokerUseSsl' } as const
    const target = parseRedisUrl(url, redisOptionsOf(settings, names))
    this.location = target.location
    this.#space = space
    const key = (what: string): string => `${target.keyPrefix}lovage:${what}:${space}`
    this.#keys = {
      entries: key('schedule'),
      states: key('schedule-states'),
      fence: key('schedule-fence'),
      version: key('schedule-version'),
      // Channels are shared by all databases of a server.
      channel: key(`schedule-changed:${target.db}`),
    }
    this.#connection = new RedisConnection(target, 'lovage:schedule')
    this.#watch = new VersionWatch(
      target,
      clock,
      'lovage:schedule-subscriber',
      () => this.#keys.channel,
      () => this.#connection.command<(string | null)[]>('mget', this.#keys.version),
    )
  }

  async load(): Promise<readonly Entry[]> {
    const { entries, states } = this.#keys
    const [kept, stateWords] = await LOAD_SCHEDULE.run(this.#connection, [entries, states], [])
    const stateOf = new Map(pairs(stateWords))
    return pairs(kept)
      .map(([name, text]) => entryOf(name, text, stateOf.get(name) ?? ''))
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  async put(puts: readonly EntryPut[]): Promise<readonly boolean[]> {
    const words = puts.map(({ entry, restartMs }) => {
      const { name, revision, definition, code, changed, removed, state } = entry
      const kept: Kept = {
        definition: encodeDefinition(definition),
        code: code && encodeDefinition(code),
        changed,
        removed,
      }
      return [name, revision, JSON.stringify(kept), stateText(state), restartMs ?? '-']
    })
    const written = await inBatches(words, (batch) =>
      PUT_SCHEDULE.run(this.#connection, this.#writtenKeys, batch.flat()),
    )
    return written.flat().map((one) => one === 1)
  }

  async delete(entries: readonly Pick<Entry, 'name' | 'revision'>[]): Promise<number> {
    const deleted = await inBatches(entries, (batch) =>
      DELETE_SCHEDULE.run(
        this.#connection,
        this.#writtenKeys,
        batch.flatMap(({ name, revision }) => [name, revision]),
      ),
    )
    return deleted.reduce((sum, count) => sum + count, 0)
  }

  async advance(advances: readonly Advance[], token?: bigint): Promise<AdvanceReply> {
    const { states, fence } = this.#keys
    const tokenText = token === undefined ? '-' : String(token).padStart(20, '0')
    const words = advances.map(({ name, fromCursorMs, cursorMs, anchorMs, run }) => {
      const last = [run?.tickMs ?? '-', run?.atMs ?? '-', run?.taskId ?? '-', run?.count ?? 0]
      return [name, fromCursorMs, cursorMs, anchorMs, ...last]
    })
    // Without advances the token must still be checked.
    const batches = words.length === 0 ? [await this.#advance([], states, fence, tokenText)] : []
    for (let at = 0; at < words.length; at += AT_ONCE) {
      batches.push(await this.#advance(words.slice(at, at + AT_ONCE).flat(), states, fence, tokenText))
    }
    const written = batches.flatMap((batch) => batch ?? [])
    return {
      fenced: batches.includes(null),
      written: advances.map((_, index) => written[index] === 1),
    }
  }

  watch(on: () => void): Unsubscribe {
    return this.#watch.add(this.#space, on)
  }

  async close(): Promise<void> {
    this.#watch.close()
    this.#connection.close()
  }

  #advance(words: readonly (string | number)[], states: string, fence: string, token: string) {
    return ADVANCE_SCHEDULE.run(this.#connection, [states, fence], [token, ...words])
  }

  get #writtenKeys(): [entries: string, states: string, version: string, channel: string] {
    const { entries, states, version, channel } = this.#keys
    return [entries, states, version, channel]
  }
}

async function inBatches<T, Reply>(
  items: readonly T[],
  run: (batch: readonly T[]) => Promise<Reply>,
): Promise<readonly Reply[]> {
  const replies: Reply[] = []
  for (let at = 0; at < items.length; at += AT_ONCE) replies.push(await run(items.slice(at, at + AT_ONCE)))
  return replies
}

/** A hash as HGETALL gives it. */
const pairs = (words: readonly string[]): [field: string, value: string][] =>
  Array.from({ length: words.length / 2 }, (_, index) => [words[2 * index] ?? '', words[2 * index + 1] ?? ''])

const stateText = ({
  anchorMs,
  cursorMs,
  lastTickMs,
  lastRunMs,
  lastTaskId,
  totalRunCount,
}: EntryState): string =>
  [anchorMs, cursorMs, lastTickMs ?? '-', lastRunMs ?? '-', lastTaskId ?? '-', totalRunCount].join(' ')

function entryOf(name: string, text: string, state: string): Entry {
  const space = text.indexOf(' ')
  // Only `put` writes this field.
  const kept = JSON.parse(text.slice(space + 1)) as Kept
  const [anchorMs, cursorMs, tickMs = '-', runMs = '-', taskId = '-', count] = state.split(' ')
  return {
    name,
    revision: Number(text.slice(0, space)),
    definition: decodeDefinition(kept.definition),
    code: kept.code === null ? null : decodeDefinition(kept.code),
    changed: kept.changed,
    removed: kept.removed,
    state: {
      anchorMs: Number(anchorMs),
      cursorMs: Number(cursorMs),
      lastTickMs: tickMs === '-' ? null : Number(tickMs),
      lastRunMs: runMs === '-' ? null : Number(runMs),
      lastTaskId: taskId === '-' ? null : taskId,
      totalRunCount: Number(count),
    },
  }
}

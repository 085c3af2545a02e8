import type { DeadLetter, DeadLetterQuery, DeadLetterStore } from '../../../dead-letter/index.js'
import type { Page } from '../../../kernel/index.js'
import { type Argument, defineScript, type RedisLink } from '../client/index.js'
import type { RedisKeys } from './redis-keys.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)

const ADD = defineScript<
  [dead: string, deadLetters: string, deadMessages: string, deadCounts: string],
  Argument[],
  1
>({
  file: lua('add-dead-letters'),
  uses: [lua('dead-letter')],
  keys: ['dead', 'deadLetters', 'deadMessages', 'deadCounts'],
  args: ['letters…'],
})

const TAKE = defineScript<
  [dead: string, deadLetters: string, deadMessages: string, deadCounts: string],
  string[],
  string[]
>({
  file: lua('take-dead-letters'),
  keys: ['dead', 'deadLetters', 'deadMessages', 'deadCounts'],
  args: ['ids…'],
})

/** The maximum number of letters in one step. */
const BATCH = 500

/** A letter as stored in the hash: all but the message's bytes, which are stored separately. */
type StoredLetter = Omit<DeadLetter, 'raw'>

/** The arguments of `addDeadLetter`; empty bytes stand for those of `claimed`, which the server has. */
export function letterWords(letter: DeadLetter, claimed?: Buffer | string): Argument[] {
  const { raw, ...stored } = letter
  return [letter.id, letter.failedMs, letter.queue, JSON.stringify(stored), raw === claimed ? '' : raw]
}

/** Dead letters in the broker's own database. */
export class RedisDeadLetters implements DeadLetterStore {
  readonly #connection: RedisLink
  readonly #keys: RedisKeys

  constructor(connection: RedisLink, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    for (let at = 0; at < letters.length; at += BATCH) {
      const words = letters.slice(at, at + BATCH).flatMap((letter) => letterWords(letter))
      await ADD.run(this.#connection, this.#four(), words)
    }
  }

  async list(query: DeadLetterQuery): Promise<Page<DeadLetter>> {
    const limit = query.limit ?? 100
    const items: DeadLetter[] = []
    for await (const letter of this.#newestFirst(query)) {
      if (!isWanted(letter, query)) continue
      if (items.length === limit) {
        const last = items[items.length - 1]
        return last ? { items, next: `${last.failedMs}:${last.id}` } : { items }
      }
      items.push(letter)
    }
    return { items }
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = await this.#connection.command<Record<string, string>>('hgetall', this.#keys.deadCounts)
    return new Map(Object.entries(counts).map(([queue, count]) => [queue, Number(count)]))
  }

  async take(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    const taken: DeadLetter[] = []
    for (let at = 0; at < ids.length; at += BATCH) {
      const reply = await TAKE.runForBytes<Buffer[]>(
        this.#connection,
        this.#four(),
        ids.slice(at, at + BATCH),
      )
      for (let index = 0; index + 1 < reply.length; index += 2) {
        const letter = letterOf(reply[index], reply[index + 1])
        if (letter) taken.push(letter)
      }
    }
    return taken
  }

  /** Everything after the query's cursor, in batches, so that a filter may scan far without holding all. */
  async *#newestFirst({ ids, after, failedBeforeMs }: DeadLetterQuery): AsyncGenerator<DeadLetter> {
    if (ids !== undefined) {
      const letters = await this.#named(new Set(ids))
      letters.sort((a, b) => b.failedMs - a.failedMs || (a.id < b.id ? 1 : -1))
      yield* letters.filter((letter) => after === undefined || isAfter(letter, after))
      return
    }
    let max = failedBeforeMs === undefined ? '+inf' : `(${failedBeforeMs}`
    const cursorMs = after === undefined ? undefined : Number(after.split(':', 1)[0])
    if (cursorMs !== undefined && (failedBeforeMs === undefined || cursorMs < failedBeforeMs))
      max = `${cursorMs}`
    for (let offset = 0; ; offset += BATCH) {
      const found = await this.#connection.command<string[]>(
        'zrevrangebyscore',
        this.#keys.dead,
        max,
        '-inf',
        'LIMIT',
        offset,
        BATCH,
      )
      for (const letter of await this.#read(found)) {
        if (after === undefined || isAfter(letter, after)) yield letter
      }
      if (found.length < BATCH) return
    }
  }

  /** Letters by their own id, which takes one round trip; only for ids that are no letter's, by their task's. */
  async #named(ids: ReadonlySet<string>): Promise<DeadLetter[]> {
    const letters = new Map((await this.#read([...ids])).map((letter) => [letter.id, letter]))
    if (letters.size === ids.size) return [...letters.values()]
    for await (const letter of this.#newestFirst({}))
      if (letter.taskId !== null && ids.has(letter.taskId)) letters.set(letter.id, letter)
    return [...letters.values()]
  }

  async #read(ids: readonly string[]): Promise<DeadLetter[]> {
    if (ids.length === 0) return []
    const { deadLetters, deadMessages } = this.#keys
    const [letters, messages] = await Promise.all([
      this.#connection.sendForBytes<(Buffer | null)[]>('hmget', [deadLetters, ...ids]),
      this.#connection.sendForBytes<(Buffer | null)[]>('hmget', [deadMessages, ...ids]),
    ])
    return letters
      .map((letter, index) => letterOf(letter, messages[index]))
      .filter((one) => one !== undefined)
  }

  #four(): [string, string, string, string] {
    const { dead, deadLetters, deadMessages, deadCounts } = this.#keys
    return [dead, deadLetters, deadMessages, deadCounts]
  }
}

/** Whether a letter comes after the cursor `<failedMs>:<id>` in the order of the listing: newest first, then by id. */
function isAfter(letter: DeadLetter, cursor: string): boolean {
  const colon = cursor.indexOf(':')
  const cursorMs = Number(cursor.slice(0, colon))
  if (letter.failedMs !== cursorMs) return letter.failedMs < cursorMs
  return letter.id < cursor.slice(colon + 1)
}

function isWanted(letter: DeadLetter, query: DeadLetterQuery): boolean {
  return (
    (query.queue === undefined || letter.queue === query.queue) &&
    (query.task === undefined || letter.task === query.task) &&
    (query.reason === undefined || letter.reason === query.reason) &&
    (query.failedBeforeMs === undefined || letter.failedMs < query.failedBeforeMs)
  )
}

function letterOf(stored: Buffer | null | undefined, raw: Buffer | null | undefined): DeadLetter | undefined {
  if (!stored || !raw) return undefined
  // Written by `letterWords`, of this version or an earlier one.
  const letter = JSON.parse(stored.toString()) as StoredLetter
  const text = raw.toString()
  // Bytes that are not text stay bytes.
  return { ...letter, raw: text.includes('\ufffd') ? raw : text }
}

import type { QueuedMessage } from '../../../broker/index.js'
import { decodeEnvelope } from '../../../envelope/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import type { RedisLink } from '../client/index.js'
import { priorityFromWire } from './priority.js'
import type { RedisKeys } from './redis-keys.js'

/** Claimed messages read in one step. */
const SCANNED = 500

type State = QueuedMessage['state']
const STATES: readonly State[] = ['ready', 'delayed', 'unacked']

/** A position in the listing: the state, and within it a cursor of the state's own reader. */
interface Cursor {
  readonly state: State
  readonly at: string
}

/** Reads up to `limit` from a position; `next` is where the state's listing continues. */
type Reader = (
  connection: RedisLink,
  keys: RedisKeys,
  queue: string,
  at: string,
  limit: number,
) => Promise<{ readonly items: QueuedMessage[]; readonly next?: string }>

/** Messages of a queue: waiting ones in the order of delivery, then delayed ones by time, then claimed ones. */
export async function browseQueue(
  connection: RedisLink,
  keys: RedisKeys,
  queue: string,
  page: PageRequest & { readonly state?: State },
): Promise<Page<QueuedMessage>> {
  const limit = page.limit ?? 100
  const states = page.state === undefined ? STATES : [page.state]
  let cursor: Cursor | undefined = page.after === undefined ? start(states[0]) : parse(page.after)
  const items: QueuedMessage[] = []
  while (cursor && items.length < limit) {
    const { state }: Cursor = cursor
    const found = await READERS[state](connection, keys, queue, cursor.at, limit - items.length)
    items.push(...found.items)
    cursor = found.next === undefined ? start(states[states.indexOf(state) + 1]) : { state, at: found.next }
  }
  return cursor ? { items, next: `${cursor.state}/${cursor.at}` } : { items }
}

const start = (state: State | undefined): Cursor | undefined => (state ? { state, at: '' } : undefined)

function parse(text: string): Cursor | undefined {
  const slash = text.indexOf('/')
  const state = STATES.find((one) => one === text.slice(0, slash))
  return state ? { state, at: text.slice(slash + 1) } : undefined
}

const READERS: Readonly<Record<State, Reader>> = {
  /** Position: step and distance from the head. */
  async ready(connection, keys, queue, at, limit) {
    const [step = 0, offset = 0] = at === '' ? [] : at.split(':').map(Number)
    const raws = await connection.sendForBytes<Buffer[]>('lrange', [
      keys.list(queue, step),
      -offset - limit,
      -offset - 1,
    ])
    const items = raws.reverse().map((raw) => view(raw, queue, 'ready'))
    const following = keys.steps[keys.steps.indexOf(step) + 1]
    if (raws.length === limit) return { items, next: `${step}:${offset + limit}` }
    return following === undefined ? { items } : { items, next: `${following}:0` }
  },

  /** Position: rank. */
  async delayed(connection, keys, queue, at, limit) {
    const rank = Number(at)
    const found = await connection.send<string[]>('zrange', [
      keys.times(queue),
      rank,
      rank + limit - 1,
      'WITHSCORES',
    ])
    const members = found.filter((_, index) => index % 2 === 0)
    const values =
      members.length === 0
        ? []
        : await connection.sendForBytes<(Buffer | null)[]>('hmget', [keys.messages(queue), ...members])
    const items = values.flatMap((value, index) => {
      if (!value) return []
      // The priority step precedes the message.
      const raw = value.subarray(value.indexOf(' ') + 1)
      return [{ ...view(raw, queue, 'delayed', members[index]), dueMs: Number(found[index * 2 + 1]) }]
    })
    return members.length < limit ? { items } : { items, next: String(rank + limit) }
  },

  /** Position: the cursor of HSCAN, and how many of its batch were shown. */
  async unacked(connection, keys, queue, at, limit) {
    const [cursor = '0', shown = 0] = at === '' ? [] : [at.split(':')[0], Number(at.split(':')[1])]
    const [next, pairs] = await connection.sendForBytes<[Buffer, Buffer[]]>('hscan', [
      keys.unacked,
      cursor,
      'COUNT',
      SCANNED,
    ])
    const mine = claimedIn(pairs).filter(({ message }) => message.queue === queue)
    const items = await withHolders(connection, keys, mine.slice(shown, shown + limit))
    if (shown + limit < mine.length) return { items, next: `${cursor}:${shown + limit}` }
    return next.toString() === '0' ? { items } : { items, next: `${next}:0` }
  },
}

/** Claimed messages with these ids, of all queues in a place: their hash is read once. */
export async function findClaimed(
  connection: RedisLink,
  keys: RedisKeys,
  wanted: ReadonlySet<string>,
): Promise<readonly QueuedMessage[]> {
  const found: Claimed[] = []
  let cursor = '0'
  do {
    const [next, pairs] = await connection.sendForBytes<[Buffer, Buffer[]]>('hscan', [
      keys.unacked,
      cursor,
      'COUNT',
      SCANNED,
    ])
    found.push(...claimedIn(pairs).filter(({ message }) => wanted.has(message.id)))
    cursor = next.toString()
  } while (cursor !== '0')
  return withHolders(connection, keys, found)
}

interface Claimed {
  readonly tag: string
  readonly message: QueuedMessage
}

/** The messages in what HSCAN gives: fields and values in turn. */
function claimedIn(pairs: readonly Buffer[]): readonly Claimed[] {
  return pairs.flatMap((value, index) => {
    const claimed = index % 2 === 1 ? claimedOf(value) : undefined
    const tag = pairs[index - 1]?.toString() ?? ''
    return claimed ? [{ tag, message: view(claimed.raw, claimed.queue, 'unacked', tag) }] : []
  })
}

/** Adds who holds claimed messages, and how often a holder was lost with them. Python's workers keep no such record. */
async function withHolders(
  connection: RedisLink,
  keys: RedisKeys,
  claimed: readonly Claimed[],
): Promise<QueuedMessage[]> {
  if (claimed.length === 0) return []
  const tags = claimed.map(({ tag }) => tag)
  // A message keeps its own tag, which follows a tab in ours, from claim to claim.
  const own = tags.map((tag) => tag.slice(tag.indexOf('\t') + 1))
  const holders = await connection.send<string[]>('zrange', [keys.holders, 0, -1])
  const [losses, ...held] = await Promise.all([
    connection.send<(string | null)[]>('hmget', [keys.redeliveries, ...own]),
    ...holders.map((holder) => connection.send<(string | null)[]>('hmget', [keys.held(holder), ...tags])),
  ])
  return claimed.map(({ message }, place) => {
    const holder = holders[held.findIndex((records) => typeof records[place] === 'string')]
    const redeliveries = Number(losses?.[place] ?? 0)
    return holder === undefined ? message : { ...message, holder, redeliveries }
  })
}

/** The message of a record in `unacked`, and its queue: in our records the routing key is the queue, as it is in nearly all of kombu's. */
function claimedOf(value: Buffer): { readonly raw: Buffer; readonly queue: string } | undefined {
  const tail = value.subarray(-1_000).toString()
  const [record, , routingKey] = /,\s*("(?:[^"\\]|\\.)*")\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*$/.exec(tail) ?? []
  if (record === undefined || routingKey === undefined) return undefined
  return {
    raw: value.subarray(1, value.length - Buffer.byteLength(record)),
    queue: String(JSON.parse(routingKey)),
  }
}

/** A message as operators see it; `name` replaces an unreadable tag. */
export function view(raw: Buffer, queue: string, state: State, name?: string): QueuedMessage {
  const message = decodeEnvelope(raw, priorityFromWire)
  const headers = 'headers' in message ? message.headers : {}
  const tag = 'deliveryTag' in message ? message.deliveryTag : (name ?? 'unreadable')
  const text = raw.toString()
  return {
    id: typeof headers.id === 'string' ? headers.id : tag,
    queue,
    ...(typeof headers.task === 'string' ? { task: headers.task } : {}),
    state,
    raw: text.includes('\ufffd') ? raw : text,
  }
}

import type { QueuedMessage } from '../../../broker/index.js'
import { decodeEnvelope } from '../../../envelope/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import type { RedisLink } from '../client/index.js'
import { priorityFromWire } from './priority.js'
import type { RedisKeys } from './redis-keys.js'

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
      500,
    ])
    const ending = `,"",${JSON.stringify(queue)}]`
    const mine = pairs.flatMap((value, index) => {
      const raw = index % 2 === 1 ? claimedOf(value, ending, queue) : undefined
      const tag = pairs[index - 1]?.toString() ?? ''
      return raw ? [{ tag, message: view(raw, queue, 'unacked', tag) }] : []
    })
    const items = await withHolders(connection, keys, mine.slice(shown, shown + limit))
    if (shown + limit < mine.length) return { items, next: `${cursor}:${shown + limit}` }
    return next.toString() === '0' ? { items } : { items, next: `${next}:0` }
  },
}

/** Adds who holds claimed messages, and how often a holder was lost with them. Python's workers keep no such record. */
async function withHolders(
  connection: RedisLink,
  keys: RedisKeys,
  claimed: readonly { readonly tag: string; readonly message: QueuedMessage }[],
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

/** The message of a record in `unacked` if it belongs to the queue: our tags end with the queue, kombu's records have the routing key. */
function claimedOf(value: Buffer, ending: string, queue: string): Buffer | undefined {
  if (value.subarray(-Buffer.byteLength(ending)).toString() === ending)
    return value.subarray(1, -Buffer.byteLength(ending))
  const tail = value.subarray(-1_000).toString()
  const [record, , routingKey] = /,\s*("(?:[^"\\]|\\.)*")\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*$/.exec(tail) ?? []
  if (record === undefined || routingKey === undefined || JSON.parse(routingKey) !== queue) return undefined
  return value.subarray(1, value.length - Buffer.byteLength(record))
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

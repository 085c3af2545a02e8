import { messageIn } from '../../app/fleet/index.js'
import type { Broker, QueuedMessage } from '../../broker/index.js'
import { crashPoint } from '../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../message/index.js'

/** Messages in flight at once. */
const AT_ONCE = 500

/** Moves delayed messages, a batch at a time: published at the destination, then removed from the source. */
export async function migrateDelayed(
  from: Broker,
  to: Broker,
  queues: readonly string[],
  options: {
    readonly limit: number
    readonly outgoing: (message: IncomingMessage, queue: string, dueMs: number) => OutgoingMessage
  },
): Promise<{ readonly moved: number; readonly unreadable: number }> {
  let moved = 0
  let unreadable = 0
  for (const queue of queues) {
    let after: string | undefined
    let left = 0
    for (let isEnd = false; !isEnd && moved < options.limit; ) {
      const page = await from.admin.browse(queue, {
        state: 'delayed',
        limit: Math.min(AT_ONCE, options.limit - moved),
        ...(after === undefined ? {} : { after }),
      })
      const batch: { readonly id: string; readonly message: OutgoingMessage }[] = []
      const alone = await singles(from, page.items)
      for (const { id, raw, dueMs = 0 } of page.items) {
        const message = messageIn({ raw }, from)
        // Removal is by id: duplicates cannot be distinguished, and stay.
        if (message instanceof Error || !alone.has(id)) left++
        else batch.push({ id, message: options.outgoing(message, queue, dueMs) })
      }
      const gone = batch.length > 0 ? await pass(from, to, batch) : 0
      moved += gone
      isEnd = gone === 0 && page.next === undefined
      // Moved messages shorten the list: it starts again, until a page moves nothing.
      after = gone > 0 ? undefined : page.next
      if (gone > 0) left = 0
    }
    unreadable += left
  }
  return { moved, unreadable }
}

/** Publishes to the destination, then removes from the source; returns how many were moved. */
async function pass(
  from: Broker,
  to: Broker,
  batch: readonly { readonly id: string; readonly message: OutgoingMessage }[],
): Promise<number> {
  crashPoint('migrate:before-publish')
  await to.publish(batch.map(({ message }) => message))
  crashPoint('migrate:after-publish')
  const gone = await from.admin.remove(batch.map(({ id }) => id))
  crashPoint('migrate:after-removal')
  return gone
}

/** Ids with exactly one message at the source. */
async function singles(from: Broker, items: readonly QueuedMessage[]): Promise<ReadonlySet<string>> {
  const copies = new Map<string, number>()
  for (const { id } of await from.admin.find(items.map(({ id }) => id)))
    copies.set(id, (copies.get(id) ?? 0) + 1)
  return new Set([...copies].flatMap(([id, count]) => (count === 1 ? [id] : [])))
}

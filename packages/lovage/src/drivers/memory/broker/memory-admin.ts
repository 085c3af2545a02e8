import type { Binding, QueueAdmin, QueuedMessage } from '../../../broker/index.js'
import type { Page, PageRequest } from '../../../kernel/index.js'
import { formatTime } from '../../../message/index.js'
import type { Entry } from './memory-queue.js'
import type { MemoryStore } from './memory-store.js'

type State = QueuedMessage['state']

/** Queue administration of a memory broker. A page starts at a position, so it shifts while others consume. */
export class MemoryAdmin implements QueueAdmin {
  readonly #store: MemoryStore
  readonly #held: () => Iterable<Entry>

  constructor(store: MemoryStore, held: () => Iterable<Entry>) {
    this.#store = store
    this.#held = held
  }

  async queues(): Promise<readonly string[]> {
    return [...this.#store.queues.keys()]
  }

  async bindings(): Promise<readonly Binding[]> {
    return this.#store.bindings
  }

  async browse(queue: string, page: PageRequest & { readonly state?: State }): Promise<Page<QueuedMessage>> {
    const from = Number(page.after ?? 0)
    const { limit = 100 } = page
    const items: QueuedMessage[] = []
    let position = 0
    for (const [state, entry] of this.#entries(queue, page.state)) {
      if (items.length === limit) return { items, next: String(position) }
      if (position++ >= from) items.push(this.#view(entry, state))
    }
    return { items }
  }

  async move(from: string, to: string): Promise<number> {
    const target = this.#store.queue(to)
    const moved = this.#store.queue(from).extract(() => true)
    for (const entry of moved) {
      entry.queue = target
      target.push(entry)
    }
    if (moved.length > 0) target.wake()
    return moved.length
  }

  async find(ids: readonly string[]): Promise<readonly QueuedMessage[]> {
    const wanted = new Set(ids)
    return [...this.#store.queues.keys()].flatMap((queue) =>
      [...this.#entries(queue, undefined)]
        .filter(([, entry]) => wanted.has(idOf(entry)))
        .map(([state, entry]) => this.#view(entry, state)),
    )
  }

  async remove(ids: readonly string[]): Promise<number> {
    const wanted = new Set(ids)
    const isWanted = (entry: Entry): boolean => wanted.has(idOf(entry))
    let removed = 0
    for (const queue of this.#store.queues.values()) removed += queue.extract(isWanted).length
    for (const entry of this.#store.delayed.extract(isWanted)) {
      entry.queue.delayed--
      removed++
    }
    this.#store.arm()
    return removed
  }

  async promote(ids: readonly string[], dueMs?: number): Promise<number> {
    const wanted = new Set(ids)
    const isWanted = (entry: Entry): boolean => wanted.has(idOf(entry))
    const delayed = this.#store.delayed.extract(isWanted)
    for (const entry of delayed) entry.queue.delayed--
    const waiting = [...this.#store.queues.values()].flatMap((queue) => queue.extract(isWanted))
    const eta = dueMs === undefined ? null : formatTime(dueMs)
    for (const entry of [...delayed, ...waiting]) {
      entry.message = { ...entry.message, headers: { ...entry.message.headers, eta } }
      entry.raw = undefined
      this.#store.delay(entry, dueMs ?? 0)
    }
    this.#store.arm()
    return delayed.length + waiting.length
  }

  *#entries(queue: string, wanted: State | undefined): Generator<[State, Entry]> {
    const known = this.#store.queues.get(queue)
    if (!known) return
    if (wanted !== 'delayed' && wanted !== 'unacked') for (const entry of known) yield ['ready', entry]
    if (wanted !== 'ready' && wanted !== 'unacked') {
      const delayed = [...this.#store.delayed].filter((entry) => entry.queue === known)
      for (const entry of delayed.sort((a, b) => a.dueMs - b.dueMs)) yield ['delayed', entry]
    }
    if (wanted !== 'ready' && wanted !== 'delayed')
      for (const entry of this.#held()) if (entry.queue === known) yield ['unacked', entry]
  }

  #view(entry: Entry, state: State): QueuedMessage {
    const { task } = entry.message.headers
    return {
      id: idOf(entry),
      queue: entry.queue.name,
      state,
      raw: this.#store.rawOf(entry),
      ...(typeof task === 'string' ? { task } : {}),
      ...(state === 'delayed' ? { dueMs: entry.dueMs } : {}),
    }
  }
}

function idOf(entry: Entry): string {
  const { id } = entry.message.headers
  return typeof id === 'string' ? id : entry.tag
}

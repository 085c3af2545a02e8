import type { IncomingMessage } from '../../../message/index.js'
import { Deque } from './deque.js'

const LEVELS = 10

/** A message in the broker, in any state. */
export interface Entry {
  message: IncomingMessage
  queue: MemoryQueue
  readonly level: number
  redeliveries: number
  /** Unix ms, while it is delayed. */
  dueMs: number
  /** Whether it goes behind waiting messages when it is due. */
  behind: boolean
  /** The envelope, once requested. */
  raw: string | undefined
  /** The tag of the current claim, or of the last one. */
  tag: string
}

/** One priority of one queue. */
interface Lane {
  /** Messages that go first: requeued, or due after a delay. */
  readonly first: Deque<Entry>
  readonly rest: Deque<Entry>
}

/** A queue: a lane for each priority, and the consumers to notify of new messages. */
export class MemoryQueue {
  readonly name: string
  readonly listeners = new Set<() => void>()
  /** Entries of this queue in the delay store. */
  delayed = 0
  /** Entries of this queue that are claimed. */
  held = 0
  readonly #lanes: (Lane | undefined)[] = new Array(LEVELS)
  /** Bit n is set when lane n has entries. */
  #filled = 0
  #ready = 0

  constructor(name: string) {
    this.name = name
  }

  get ready(): number {
    return this.#ready
  }

  push(entry: Entry): void {
    this.#lane(entry.level).rest.push(entry)
  }

  /** Puts it before all waiting messages, behind earlier ones put there the same way. */
  pushDue(entry: Entry): void {
    this.#lane(entry.level).first.push(entry)
  }

  /** Puts it before everything. */
  unshift(entry: Entry): void {
    this.#lane(entry.level).first.unshift(entry)
  }

  /** Takes the most urgent, oldest entry. */
  shift(): Entry | undefined {
    if (this.#filled === 0) return undefined
    const level = 31 - Math.clz32(this.#filled)
    const lane = this.#lanes[level]
    const entry = lane?.first.shift() ?? lane?.rest.shift()
    this.#ready--
    if (!lane || lane.first.length + lane.rest.length === 0) this.#filled &= ~(1 << level)
    return entry
  }

  /** Removes and returns all that `isWanted` accepts, in the order of delivery. */
  extract(isWanted: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = []
    const kept: Entry[] = []
    for (const entry of [...this]) (isWanted(entry) ? taken : kept).push(entry)
    if (taken.length === 0) return taken
    for (const lane of this.#lanes) {
      lane?.first.clear()
      lane?.rest.clear()
    }
    this.#filled = 0
    this.#ready = 0
    for (const entry of kept) this.push(entry)
    return taken
  }

  /** Notifies the consumers that there may be something to claim. */
  wake(): void {
    for (const listener of this.listeners) listener()
  }

  /** All entries in the order of delivery. */
  *[Symbol.iterator](): Generator<Entry> {
    for (let level = LEVELS - 1; level >= 0; level--) {
      const lane = this.#lanes[level]
      if (!lane) continue
      yield* lane.first
      yield* lane.rest
    }
  }

  #lane(level: number): Lane {
    this.#ready++
    this.#filled |= 1 << level
    const lane = this.#lanes[level]
    if (lane) return lane
    const made = { first: new Deque<Entry>(), rest: new Deque<Entry>() }
    this.#lanes[level] = made
    return made
  }
}

/** More queues than this are not all looked at by each claim of a busy consumer. */
const MANY = 64
/** A busy consumer looks at all of its queues this often, so that the first ones keep their rank. */
const ALL_EVERY_MS = 50

/**
 * Which of many queues the next claim looks at. While there are more messages than room, they are in the queues where the last ones were, or
 * in the next of the order: naming all the queues again would cost more than the messages.
 */
export class QueueWindows {
  readonly all: readonly string[]
  readonly #places: ReadonlyMap<string, number>
  /** By their size and first place; made once, because what depends on a window is known by its array. */
  readonly #windows = new Map<number, readonly string[]>()
  readonly #starts = new WeakMap<readonly string[], number>()
  readonly #few: number
  #size = MANY
  /** The first queue of the next window; undefined: all of them come next. */
  #from: number | undefined
  #allMs = 0

  /** @param few How many queues a claim names at least, while claims come back full. */
  constructor(queues: readonly string[], few = MANY) {
    this.all = queues
    this.#few = few
    this.#places = new Map(queues.length > MANY ? queues.map((queue, place) => [queue, place]) : [])
  }

  /** The queues that a busy consumer's next claim looks at. */
  next(nowMs: number): readonly string[] {
    if (this.#from === undefined || nowMs - this.#allMs >= ALL_EVERY_MS) {
      this.#from = undefined
      this.#allMs = nowMs
      return this.all
    }
    const name = this.#from * (MANY + 1) + this.#size
    let window = this.#windows.get(name)
    if (!window) {
      window = this.all.slice(this.#from, this.#from + this.#size)
      this.#windows.set(name, window)
      this.#starts.set(window, this.#from)
    }
    return window
  }

  /** A claim was filled; `last` is the queue of its last message. */
  filled(last: string | undefined): void {
    const place = last === undefined ? undefined : this.#places.get(last)
    // Where one window ends, the next has begun: a queue that gave messages has others behind it.
    this.#from = place === undefined ? undefined : place - (place % (this.#size / 2))
    this.#size = Math.max(this.#few, this.#size / 2)
  }

  /** A claim of `asked` found fewer messages than there was room for; returns whether others of the queues may have more. */
  emptied(asked: readonly string[]): boolean {
    const start = this.#starts.get(asked)
    this.#size = Math.min(MANY, this.#size * 2)
    if (start === undefined) {
      this.#from = undefined
      return false
    }
    const next = start + asked.length
    this.#from = next < this.all.length ? next : undefined
    return true
  }
}

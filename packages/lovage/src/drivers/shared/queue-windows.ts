/** More queues than this are not all looked at by each claim of a busy consumer. */
const MANY = 64
/** Where one window ends, the next has begun: a queue that gave messages has others behind it. */
const STEP = MANY / 2
/** A busy consumer looks at all of its queues this often, so that the first ones keep their rank. */
const ALL_EVERY_MS = 50

/**
 * Which of many queues the next claim looks at. While there are more messages than room, they are in the queues where the last ones were, or
 * in the next of the order: naming all the queues again would cost more than the messages.
 */
export class QueueWindows {
  readonly all: readonly string[]
  readonly #places: ReadonlyMap<string, number>
  readonly #windows = new Map<number, readonly string[]>()
  /** The first queue of the next window; undefined: all of them come next. */
  #from: number | undefined
  #allMs = 0

  constructor(queues: readonly string[]) {
    this.all = queues
    this.#places = new Map(queues.length > MANY ? queues.map((queue, place) => [queue, place]) : [])
  }

  /** The queues that a busy consumer's next claim looks at. */
  next(nowMs: number): readonly string[] {
    if (this.#from === undefined || nowMs - this.#allMs >= ALL_EVERY_MS) {
      this.#from = undefined
      this.#allMs = nowMs
      return this.all
    }
    let window = this.#windows.get(this.#from)
    if (!window) {
      window = this.all.slice(this.#from, this.#from + MANY)
      this.#windows.set(this.#from, window)
    }
    return window
  }

  /** A claim was filled; `last` is the queue of its last message. */
  filled(last: string | undefined): void {
    const place = last === undefined ? undefined : this.#places.get(last)
    this.#from = place === undefined ? undefined : place - (place % STEP)
  }

  /** A claim of `asked` found fewer messages than there was room for; returns whether others of the queues may have more. */
  emptied(asked: readonly string[]): boolean {
    const first = asked[0]
    const place = asked === this.all || first === undefined ? undefined : this.#places.get(first)
    if (place === undefined || this.#windows.get(place) !== asked) {
      this.#from = undefined
      return false
    }
    const next = place + MANY
    this.#from = next < this.all.length ? next : undefined
    return true
  }
}

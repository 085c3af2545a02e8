import type { RollupChange } from '../history/rollup.js'

type Counts = { -readonly [Key in keyof RollupChange]: RollupChange[Key] }

/** Counts on their way to the history, by minute, task name and kind of event. */
export class Rollups {
  #all: Counts[] = []
  #minutes = new Map<number, Map<string, Map<string, Counts>>>()
  /** The names of the minute that was counted in last: nearly always the next one's too. */
  #last: { readonly minuteMs: number; readonly names: Map<string, Map<string, Counts>> } | undefined

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  /** Counts an event. Tens of thousands arrive per second: no key is built for it. */
  add(minuteMs: number, name: string, kind: string, runtimeMs: number): void {
    this.merge(minuteMs, name, kind, 1, runtimeMs, runtimeMs)
  }

  merge(
    minuteMs: number,
    name: string,
    kind: string,
    count: number,
    runtimeMs: number,
    maxRuntimeMs: number,
  ): void {
    const kinds = this.#kindsOf(minuteMs, name)
    const known = kinds.get(kind)
    if (known) {
      known.count += count
      known.runtimeMs += runtimeMs
      known.maxRuntimeMs = Math.max(known.maxRuntimeMs, maxRuntimeMs)
      return
    }
    const counts = { minuteMs, name, kind, count, runtimeMs, maxRuntimeMs }
    kinds.set(kind, counts)
    this.#all.push(counts)
  }

  /** Takes out all counts. */
  take(): readonly RollupChange[] {
    const taken = this.#all
    this.#all = []
    this.#minutes = new Map()
    this.#last = undefined
    return taken
  }

  #kindsOf(minuteMs: number, name: string): Map<string, Counts> {
    const { names } = this.#last?.minuteMs === minuteMs ? this.#last : this.#minuteOf(minuteMs)
    let kinds = names.get(name)
    if (!kinds) {
      kinds = new Map()
      names.set(name, kinds)
    }
    return kinds
  }

  #minuteOf(minuteMs: number) {
    let names = this.#minutes.get(minuteMs)
    if (!names) {
      names = new Map()
      this.#minutes.set(minuteMs, names)
    }
    this.#last = { minuteMs, names }
    return this.#last
  }
}

/** Fewer entries than this are never worth a sweep. */
const SWEEP_FROM = 1000

/**
 * A map whose entries expire. An expired entry counts as absent at once, and is removed when the map has doubled since the
 * last sweep: so the cost per entry is constant, and at most as many expired entries are kept as live ones.
 */
export class EndingMap<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly endMs: number }>()
  #sweepAt = SWEEP_FROM

  /** The live value under the key. */
  get(key: string, nowMs: number): Value | undefined {
    const entry = this.#entries.get(key)
    return entry && entry.endMs > nowMs ? entry.value : undefined
  }

  /** All live entries. */
  values(nowMs: number): Value[] {
    return [...this.#entries.values()].filter(({ endMs }) => endMs > nowMs).map(({ value }) => value)
  }

  /** Keeps a value until `endMs` (Unix ms; Infinity = until it is deleted). */
  set(key: string, value: Value, endMs: number, nowMs: number): void {
    this.#entries.set(key, { value, endMs })
    if (this.#entries.size < this.#sweepAt) return
    for (const [other, entry] of this.#entries) if (entry.endMs <= nowMs) this.#entries.delete(other)
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * this.#entries.size)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  /** The number of entries held, expired ones included. */
  get size(): number {
    return this.#entries.size
  }
}

/** What is known of one column. */
export interface ColumnProfile {
  readonly name: string
  /** What most of its values are. */
  readonly type: 'empty' | 'number' | 'date' | 'text'
  readonly empty: number
  /** How many different values; undefined = more than `DISTINCT_LIMIT`. */
  readonly distinct: number | undefined
  /** Of numbers. */
  readonly min?: number
  readonly max?: number
  readonly mean?: number
  /** The longest value, in characters. */
  readonly longest: number
}

/** Different values are counted up to here. */
export const DISTINCT_LIMIT = 1000

const DASH = 45
const DATE = /^\d{4}-\d\d-\d\d(?:$|[T ]\d\d:\d\d)/

/** Looks at the values of a column, one after the other, in constant memory. */
export class ColumnProfiler {
  readonly #name: string
  readonly #seen = new Set<string>()
  #full = false
  #empty = 0
  #numbers = 0
  #dates = 0
  #texts = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #sum = 0
  #longest = 0

  constructor(name: string) {
    this.#name = name
  }

  look(value: string): void {
    const { length } = value
    if (length === 0) {
      this.#empty++
      return
    }
    if (length > this.#longest) this.#longest = length
    if (!this.#full) {
      this.#seen.add(value)
      if (this.#seen.size > DISTINCT_LIMIT) {
        this.#full = true
        this.#seen.clear()
      }
    }
    // Numbers and dates begin with a digit, a sign or a point.
    const code = value.charCodeAt(0)
    if ((code < 48 || code > 57) && code !== 45 && code !== 46 && code !== 43) {
      this.#texts++
      return
    }
    // A look at the place of the first dash saves dates the attempt to be numbers.
    if (value.charCodeAt(4) === DASH && DATE.test(value)) {
      this.#dates++
      return
    }
    const number = Number(value)
    if (!Number.isNaN(number)) {
      this.#numbers++
      this.#sum += number
      if (number < this.#min) this.#min = number
      if (number > this.#max) this.#max = number
    } else this.#texts++
  }

  end(): ColumnProfile {
    const [numbers, dates, texts] = [this.#numbers, this.#dates, this.#texts]
    const all = numbers + dates + texts
    const type = all === 0 ? 'empty' : texts * 2 > all ? 'text' : numbers >= dates ? 'number' : 'date'
    return {
      name: this.#name,
      type,
      empty: this.#empty,
      distinct: this.#full ? undefined : this.#seen.size,
      ...(numbers > 0 ? { min: this.#min, max: this.#max, mean: this.#sum / numbers } : {}),
      longest: this.#longest,
    }
  }
}

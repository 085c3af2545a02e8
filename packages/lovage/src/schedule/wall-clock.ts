const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/**
 * The wall clock of a time zone. Wall times are represented as the Unix ms at which a UTC clock would show them, so that date arithmetic
 * works.
 */
export class WallClock {
  readonly #format: Intl.DateTimeFormat

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** The wall time at a moment, to the second. */
  at(ms: number): number {
    const wholeMs = Math.floor(ms / 1000) * 1000
    const [month, day, year, hour, minute, second] = (this.#format.format(wholeMs).match(/\d+/g) ?? []).map(
      Number,
    )
    return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second) + (ms - wholeMs)
  }

  /** The moment at which the clock shows a time: the first of two, or the end of the gap when it never does. */
  when(wallMs: number): number {
    const before = this.#offset(wallMs - DAY_MS)
    const after = this.#offset(wallMs + DAY_MS)
    // On nearly every day there is no clock change.
    if (before === after) return wallMs - before
    const fits = [wallMs - before, wallMs - after].filter((ms) => this.at(ms) === wallMs)
    if (fits.length > 0) return Math.min(...fits)
    return this.#change(wallMs - DAY_MS - before, wallMs + DAY_MS - after)
  }

  #offset(ms: number): number {
    return this.at(ms) - ms
  }

  /** The first minute at which the offset differs from that at `fromMs`. */
  #change(fromMs: number, untilMs: number): number {
    const offset = this.#offset(fromMs)
    let same = Math.floor(fromMs / MINUTE_MS)
    let other = Math.ceil(untilMs / MINUTE_MS)
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2)
      if (this.#offset(middle * MINUTE_MS) === offset) same = middle
      else other = middle
    }
    return other * MINUTE_MS
  }
}

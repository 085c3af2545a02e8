import { createRequire } from 'node:module'
import type * as Astronomy from 'astronomy-engine'
import { ConfigurationError } from '../kernel/index.js'
import type { Schedule, ScheduleWire } from './schedule.js'

/** Loaded on first use: only a beat with a solar entry pays for it. */
const astronomy = (() => {
  let loaded: typeof Astronomy | undefined
  return (): typeof Astronomy => {
    // `require` is untyped; the type is the package's own.
    loaded ??= createRequire(import.meta.url)('astronomy-engine') as typeof Astronomy
    return loaded
  }
})()

/** The sun's centre at an altitude in degrees, its upper edge at the refracted horizon, or its highest point. */
const EVENTS = {
  dawn_astronomical: { altitude: -18, direction: 1 },
  dawn_nautical: { altitude: -12, direction: 1 },
  dawn_civil: { altitude: -6, direction: 1 },
  sunrise: { altitude: 'horizon', direction: 1 },
  solar_noon: { altitude: 'highest', direction: 1 },
  sunset: { altitude: 'horizon', direction: -1 },
  dusk_civil: { altitude: -6, direction: -1 },
  dusk_nautical: { altitude: -12, direction: -1 },
  dusk_astronomical: { altitude: -18, direction: -1 },
} as const

/** A solar event. */
export type SolarEvent = keyof typeof EVENTS

const DAY_MS = 86_400_000
/** After more than a year without the event, it never occurs at this place. */
const SEARCH_DAYS = 400

/**
 * A schedule for a solar event at a place: latitude −90 to 90, north positive, and longitude −180 to 180, east positive, in degrees. Days
 * without the event (polar day and night) have no run. Accurate to a few seconds.
 *
 * @example
 * import { solar } from 'lovage'
 * app.addPeriodicTask(solar('sunset', 52.5, 13.4), 'mail.send')
 */
export function solar(event: SolarEvent, latitude: number, longitude: number): Solar {
  return new Solar(event, latitude, longitude)
}

/**
 * See `solar`.
 *
 * @example
 * import { solar } from 'lovage'
 * const evening = solar('sunset', 52.5, 13.4)
 * console.log(evening.describe())
 */
export class Solar implements Schedule {
  readonly kind = 'solar'
  readonly event: SolarEvent
  readonly latitude: number
  readonly longitude: number
  #lastDay: { readonly startMs: number; readonly events: readonly number[] } | undefined

  constructor(event: SolarEvent, latitude: number, longitude: number) {
    if (!Object.hasOwn(EVENTS, event)) {
      const known = Object.keys(EVENTS).join(', ')
      throw invalid(`'${event}' is not a solar event; valid are ${known}.`, { event })
    }
    if (!(Math.abs(latitude) <= 90))
      throw invalid(`The latitude ${latitude} is not between -90 and 90.`, { latitude })
    if (!(Math.abs(longitude) <= 180)) {
      throw invalid(`The longitude ${longitude} is not between -180 and 180.`, { longitude })
    }
    this.event = event
    this.latitude = latitude
    this.longitude = longitude
  }

  next(afterMs: number): number | undefined {
    const firstDayMs = Math.floor(afterMs / DAY_MS) * DAY_MS
    for (let day = 0; day <= SEARCH_DAYS; day++) {
      const found = this.#eventsOf(firstDayMs + day * DAY_MS).find((ms) => ms > afterMs)
      if (found !== undefined) return found
    }
    return undefined
  }

  /**
   * The events of one UTC day. Always searching from the start of the day makes the answer the same to the millisecond for every process
   * and every `afterMs`: the instant identifies the run.
   */
  #eventsOf(startMs: number): readonly number[] {
    if (this.#lastDay?.startMs === startMs) return this.#lastDay.events
    const events: number[] = []
    for (let fromMs = startMs - 1000; ; ) {
      const ms = this.#search(fromMs)
      if (ms === undefined || ms >= startMs + DAY_MS) break
      if (ms >= startMs) events.push(ms)
      // The same event recurs later than this.
      fromMs = Math.max(ms, fromMs) + DAY_MS / 24
    }
    this.#lastDay = { startMs, events }
    return events
  }

  /** The first event within slightly more than a day, to the second. */
  #search(fromMs: number): number | undefined {
    const { Body, Observer, SearchAltitude, SearchHourAngle, SearchRiseSet } = astronomy()
    const place = new Observer(this.latitude, this.longitude, 0)
    const { altitude, direction } = EVENTS[this.event]
    const from = new Date(fromMs)
    const found =
      altitude === 'highest'
        ? SearchHourAngle(Body.Sun, place, 0, from, 1).time
        : altitude === 'horizon'
          ? SearchRiseSet(Body.Sun, place, direction, from, 1.1)
          : SearchAltitude(Body.Sun, place, direction, from, 1.1, altitude)
    return found === null ? undefined : Math.round(found.date.getTime() / 1000) * 1000
  }

  toWire(): ScheduleWire {
    return { kind: this.kind, event: this.event, latitude: this.latitude, longitude: this.longitude }
  }

  describe(): string {
    return `${this.event} at ${this.latitude}, ${this.longitude}`
  }
}

const invalid = (message: string, details: Record<string, unknown>): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_SCHEDULE_INVALID', details })

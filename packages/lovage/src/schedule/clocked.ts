import { ConfigurationError } from '../kernel/index.js'
import type { Schedule, ScheduleWire } from './schedule.js'

/**
 * A schedule that runs once, at one instant: a Date, or ISO 8601 text with an offset.
 *
 * @example
 * import { clocked } from 'lovage'
 * const once = clocked(new Date('2030-01-01T00:00:00Z'))
 */
export function clocked(at: Date | string): Clocked {
  const atMs = typeof at === 'string' ? Date.parse(at) : at.getTime()
  // Text without an offset would mean a different instant on every machine.
  if (Number.isNaN(atMs) || (typeof at === 'string' && !/(?:Z|[+-]\d\d:?\d\d)$/i.test(at))) {
    throw new ConfigurationError(`'${String(at)}' is not a valid time.`, {
      code: 'LVG_SCHEDULE_INVALID',
      details: { at: String(at) },
      hint: "Give a Date, or ISO 8601 with its offset: '2027-01-01T09:00:00+01:00'.",
    })
  }
  return new Clocked(atMs)
}

/**
 * See `clocked`.
 *
 * @example
 * import { clocked } from 'lovage'
 * app.addPeriodicTask(clocked('2030-01-01T00:00:00Z'), 'mail.send', { args: ['ada@example.com'] })
 */
export class Clocked implements Schedule {
  readonly kind = 'clocked'
  readonly atMs: number

  constructor(atMs: number) {
    this.atMs = atMs
  }

  next(afterMs: number): number | undefined {
    return afterMs < this.atMs ? this.atMs : undefined
  }

  toWire(): ScheduleWire {
    return { kind: this.kind, at: new Date(this.atMs).toISOString() }
  }

  describe(): string {
    return `once at ${new Date(this.atMs).toISOString()}`
  }
}

/** The context of a schedule beyond the time. */
export interface ScheduleContext {
  /** Unix ms from which intervals count: when the entry was created, enabled, or given this schedule. */
  readonly anchorMs: number
  /** IANA name of the zone whose wall clock the schedule follows. */
  readonly timeZone: string
}

/** A schedule as plain JSON data, for stores and other processes. */
export interface ScheduleWire {
  /** `interval`, `crontab`, `solar`, `clocked`, or the name of a custom kind. */
  readonly kind: string
  readonly [field: string]: unknown
}

/**
 * Determines when an entry is due. Implement it for a custom kind, and pass its reader to the app (`beatScheduleKinds`) so that every
 * process can read it from the store.
 *
 * `next` must be a pure function that never decreases as `afterMs` grows, and must return the same instant for every `afterMs` before
 * that instant: the instant identifies the run, so two processes have to agree on it exactly.
 */
export interface Schedule {
  readonly kind: string
  /** The first due instant (Unix ms, whole) later than `afterMs`; undefined = never again. */
  next(afterMs: number, context: ScheduleContext): number | undefined
  /** As plain data. */
  toWire(): ScheduleWire
  /** A description for people, without the time zone. */
  describe(): string
}

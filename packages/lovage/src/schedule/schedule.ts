/** What a schedule knows beside the time. */
export interface ScheduleContext {
  /** Unix ms from which intervals count: when the entry was made, enabled, or given this schedule. */
  readonly anchorMs: number
  /** IANA name of the zone whose clock on the wall the schedule reads. */
  readonly timeZone: string
}

/** A schedule as plain JSON data: what stores keep and other processes read. */
export interface ScheduleWire {
  /** `interval`, `crontab`, `solar`, `clocked`, or the name of a kind of your own. */
  readonly kind: string
  readonly [field: string]: unknown
}

/**
 * When something is due. Implement it for a kind of your own, and hand its reader to the app
 * (`beatScheduleKinds`) so that every process can read it from the store.
 *
 * `next` must be a pure function that never decreases when `afterMs` grows, and must answer the same instant for
 * every `afterMs` before that instant: an instant names the run, so two processes have to agree on it exactly.
 */
export interface Schedule {
  readonly kind: string
  /** The first due instant (Unix ms, whole) later than `afterMs`; undefined = never again. */
  next(afterMs: number, context: ScheduleContext): number | undefined
  /** As plain data. */
  toWire(): ScheduleWire
  /** In words for people, without the time zone. */
  describe(): string
}

/** The step of a series. */
export type RollupStep = 'minute' | 'hour'

/** An increment to the counts of one step; written per minute, and summed by hour. */
export interface RollupChange {
  /** Start of the minute, Unix ms. */
  readonly minuteMs: number
  /** Task name; empty when unknown. */
  readonly name: string
  /** The kind of event: `received`, `succeeded`, `failed`, …; or `error:TYPE`. */
  readonly kind: string
  readonly count: number
  /** Sum and maximum of run times, in ms; 0 where there are none. */
  readonly runtimeMs: number
  readonly maxRuntimeMs: number
}

/** A query for counts. */
export interface SeriesQuery {
  readonly step: RollupStep
  /** Unix ms, inclusive. */
  readonly fromMs: number
  /** Unix ms, exclusive. */
  readonly toMs: number
  /** One task; default: all of them together. */
  readonly name?: string
  /** Each task separately instead. */
  readonly each?: boolean
}

/** The counts of one kind of event in one step. Steps without events have no point. */
export interface SeriesPoint {
  /** Start of the step, Unix ms. */
  readonly ms: number
  /** The task; empty for all of them together. */
  readonly name: string
  readonly kind: string
  readonly count: number
  readonly runtimeMs: number
  readonly maxRuntimeMs: number
}

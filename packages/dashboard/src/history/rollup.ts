/** How much a step of a series covers. */
export type RollupStep = 'minute' | 'hour'

/** What is added to the counts of one step; written for minutes, and summed up to hours. */
export interface RollupChange {
  /** Start of the minute, Unix ms. */
  readonly minuteMs: number
  /** Task name; empty when it is not known. */
  readonly name: string
  /** The kind of event: `received`, `succeeded`, `failed`, …; or `error:TYPE`. */
  readonly kind: string
  readonly count: number
  /** Sum and greatest of run times, in ms; 0 where there are none. */
  readonly runtimeMs: number
  readonly maxRuntimeMs: number
}

/** Which counts. */
export interface SeriesQuery {
  readonly step: RollupStep
  /** Unix ms, inclusive. */
  readonly fromMs: number
  /** Unix ms, exclusive. */
  readonly toMs: number
  /** One task; default: all of them together. */
  readonly name?: string
  /** Each task apart instead. */
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

export interface DayResult {
  readonly came: number
  readonly done: number
  readonly peak: number
  readonly peakBacklog: number
  readonly replicaHours: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly longest: number
}
export function simulateDay(day: {
  readonly rate: (second: number) => number
  readonly runtimeS: number
  readonly slots: number
  readonly startS: number
  readonly policy: (load: { backlog: number; running: number }) => number
  readonly most?: number
  readonly seed?: number
}): DayResult

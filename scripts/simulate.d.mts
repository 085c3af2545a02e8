import type { DayResult } from './simulate/fleet.mjs'

export interface SimulatedRow extends DayResult {
  readonly curve: string
  readonly kind: string
  readonly policy: string
  readonly leastHours: number
}
export const MOST_WAIT_S: number
export function simulateAll(
  desiredReplicas: (load: { backlog: number; running: number }, policy: { slots: number }) => number,
  costs: { readonly startS: number; readonly taskS: number; readonly podS: number },
): readonly SimulatedRow[]
export function winners(rows: readonly SimulatedRow[], mostWaitS: number): ReadonlyMap<string, SimulatedRow>

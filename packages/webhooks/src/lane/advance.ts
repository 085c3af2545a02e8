import type { OutcomeKind } from '../domain/index.js'
import type { Lane, LaneRules } from './lane.js'

/** The changes caused by an ended attempt, each reported once. */
export type LaneChange =
  | 'opened'
  | 'closed'
  | 'warned-50'
  | 'warned-70'
  | 'warned-90'
  | 'given-up'
  | 'recovered'

/**
 * The lane after an attempt has ended. Our own faults (`internal`) do not count against the endpoint; a `blocked` address is a matter of
 * settings and opens no circuit, but counts as failing.
 */
export function advance(
  lane: Lane,
  outcome: OutcomeKind,
  rules: LaneRules,
  nowMs: number,
): { readonly lane: Lane; readonly changes: readonly LaneChange[] } {
  // An inconclusive probe is repeated at once.
  if (outcome === 'internal')
    return {
      lane: lane.circuit === 'probing' ? { ...lane, circuit: 'open', circuitUntilMs: nowMs } : lane,
      changes: [],
    }
  const afterHealth = outcome === 'success' ? recovered(lane) : failing(lane, rules, nowMs)
  if (outcome === 'blocked') return afterHealth
  const afterCircuit = circuit(afterHealth.lane, outcome === 'success', rules, nowMs)
  return { lane: afterCircuit.lane, changes: [...afterHealth.changes, ...afterCircuit.changes] }
}

type Step = { readonly lane: Lane; readonly changes: readonly LaneChange[] }

function recovered(lane: Lane): Step {
  if (lane.failingSinceMs === null) return { lane, changes: [] }
  return { lane: { ...lane, failingSinceMs: null, warnedPercent: 0 }, changes: ['recovered'] }
}

const WARNINGS = [90, 70, 50] as const

function failing(lane: Lane, { disableAfterMs }: LaneRules, nowMs: number): Step {
  const failingSinceMs = lane.failingSinceMs ?? nowMs
  const next = { ...lane, failingSinceMs }
  if (disableAfterMs <= 0) return { lane: next, changes: [] }
  const percent = (100 * (nowMs - failingSinceMs)) / disableAfterMs
  if (percent >= 100) return { lane: next, changes: ['given-up'] }
  const warning = WARNINGS.find((each) => percent >= each)
  if (warning === undefined || lane.warnedPercent >= warning) return { lane: next, changes: [] }
  return { lane: { ...next, warnedPercent: warning }, changes: [`warned-${warning}`] }
}

function circuit(lane: Lane, arrived: boolean, rules: LaneRules, nowMs: number): Step {
  if (lane.circuit === 'closed') {
    const window = (lane.window + (arrived ? '1' : '0')).slice(-rules.circuitWindow)
    const failures = window.length - window.replaceAll('0', '').length
    const opens =
      !arrived && window.length >= rules.circuitMinimum && failures >= window.length * rules.circuitRatio
    if (!opens) return { lane: window === lane.window ? lane : { ...lane, window }, changes: [] }
    return {
      lane: { ...lane, window: '', circuit: 'open', circuitUntilMs: nowMs + rules.circuitOpenMs },
      changes: ['opened'],
    }
  }
  // The probe has ended, or an attempt that began before the circuit opened; both are equally informative.
  if (arrived)
    return { lane: { ...lane, window: '', circuit: 'closed', circuitUntilMs: 0 }, changes: ['closed'] }
  if (lane.circuit === 'open') return { lane, changes: [] }
  return { lane: { ...lane, circuit: 'open', circuitUntilMs: nowMs + rules.circuitOpenMs }, changes: [] }
}

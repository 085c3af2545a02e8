import { describe, expect, test } from 'vitest'
import { admit, budget } from './admit.js'
import { advance } from './advance.js'
import { DEFAULT_LANE_RULES, type Lane, newLane } from './lane.js'

const rules = DEFAULT_LANE_RULES
const free = { ratePerMinute: null, concurrency: null }
const moment = { nowMs: 1_000_000, inFlight: 0, leaseMs: 40_000 }
const DAY_MS = 86_400_000

function after(outcomes: string, from: Lane = newLane('ep_1')): ReturnType<typeof advance> {
  let step: ReturnType<typeof advance> = { lane: from, changes: [] }
  for (const each of outcomes)
    step = advance(step.lane, each === '1' ? 'success' : 'http', rules, moment.nowMs)
  return step
}

describe('the circuit', () => {
  test('opens at half of ten, and not before ten', () => {
    expect(after('111100000').lane.circuit).toBe('closed')
    expect(after('1111100000')).toMatchObject({ lane: { circuit: 'open' }, changes: ['opened'] })
    expect(after('111111111110000000').lane.circuit).toBe('closed')
  })

  test('sends nothing while it is open, then one probe, whose end decides', () => {
    const { lane } = after('0000000000')
    expect(admit(lane, free, moment)).toMatchObject({ kind: 'wait', reason: 'circuit', untilMs: 1_060_000 })
    const later = { ...moment, nowMs: 1_060_000 }
    const probe = admit(lane, free, later)
    expect(probe).toMatchObject({ kind: 'go', lane: { circuit: 'probing', circuitUntilMs: 1_100_000 } })
    expect(admit(probe.lane, free, later)).toMatchObject({ kind: 'wait', untilMs: 1_100_000 })
    expect(advance(probe.lane, 'success', rules, later.nowMs)).toMatchObject({
      lane: { circuit: 'closed', window: '' },
      changes: ['recovered', 'closed'],
    })
    expect(advance(probe.lane, 'timeout', rules, later.nowMs)).toMatchObject({
      lane: { circuit: 'open', circuitUntilMs: 1_120_000 },
      changes: [],
    })
  })

  test('a probe that is lost is followed by another; one that failed by our fault is made again at once', () => {
    const probe = admit(after('0000000000').lane, free, { ...moment, nowMs: 1_060_000 }).lane
    expect(admit(probe, free, { ...moment, nowMs: 1_100_000 }).kind).toBe('go')
    const again = advance(probe, 'internal', rules, 1_061_000).lane
    expect(admit(again, free, { ...moment, nowMs: 1_061_000 }).kind).toBe('go')
  })

  test('our own faults and blocked addresses open nothing', () => {
    let lane = newLane('ep_1')
    for (let at = 0; at < 30; at++) lane = advance(lane, at % 2 ? 'internal' : 'blocked', rules, 0).lane
    expect(lane).toMatchObject({ circuit: 'closed', window: '', failingSinceMs: 0 })
  })
})

describe('the limits', () => {
  test('a minute’s worth goes at once, the rest evenly', () => {
    const limits = { ratePerMinute: 100, concurrency: null }
    let lane = newLane('ep_1')
    for (let at = 0; at < 100; at++) {
      const admission = admit(lane, limits, moment)
      expect(admission.kind).toBe('go')
      lane = admission.lane
    }
    expect(admit(lane, limits, moment)).toMatchObject({ kind: 'wait', reason: 'rate', untilMs: 1_000_600 })
    expect(admit(lane, limits, { ...moment, nowMs: 1_000_600 }).kind).toBe('go')
    expect(budget(lane, limits, moment, 200)).toEqual({ count: 0, againAtMs: 1_000_600 })
    expect(budget(lane, limits, { ...moment, nowMs: 1_006_000 }, 200)).toEqual({
      count: 10,
      againAtMs: 1_006_600,
    })
  })

  test('places are as many as the endpoint allows', () => {
    const limits = { ratePerMinute: null, concurrency: 10 }
    expect(admit(newLane('e'), limits, { ...moment, inFlight: 10 })).toMatchObject({
      reason: 'concurrency',
      untilMs: null,
    })
    expect(budget(newLane('e'), limits, { ...moment, inFlight: 7 }, 200)).toEqual({ count: 3, againAtMs: 0 })
    expect(budget(newLane('e'), free, moment, 200)).toEqual({ count: 200, againAtMs: moment.nowMs })
  })
})

describe('an endpoint that only fails', () => {
  test('is warned of at 50, 70 and 90 percent, once each, and then given up', () => {
    let lane = newLane('ep_1')
    const told: string[] = []
    for (let hours = 0; hours <= 120; hours++) {
      const step = advance(lane, 'blocked', rules, hours * 3_600_000)
      lane = step.lane
      for (const change of step.changes) told.push(`${hours}: ${change}`)
    }
    expect(told).toEqual(['60: warned-50', '84: warned-70', '108: warned-90', '120: given-up'])
  })

  test('is forgiven everything by one success', () => {
    const lane = { ...newLane('ep_1'), failingSinceMs: 0, warnedPercent: 90 }
    expect(advance(lane, 'success', rules, 4.9 * DAY_MS)).toMatchObject({
      lane: { failingSinceMs: null, warnedPercent: 0 },
      changes: ['recovered'],
    })
  })
})

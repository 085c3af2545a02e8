import type { AppCore } from '../app/core/index.js'
import type { Answers } from '../app/fleet/index.js'
import { keepsNoAgreements } from '../drivers/index.js'
import { counted, newId } from '../kernel/index.js'

/** With a larger difference, times of messages and leases are unreliable. */
const MOST_SKEW_MS = 2000
const LEASE_MS = 1000

export const SYNCHRONISE = 'Synchronise the clocks (NTP): ETAs, expiries and leases go by them.'

/** What comparing clocks has shown. */
export interface ClockFinding {
  readonly wrong: boolean
  readonly detail: string
}

/** Compares this machine's clock with that of the server that keeps agreements; rejects when the server grants none. */
export async function serverClock(app: AppCore): Promise<ClockFinding> {
  const coordination = await app.coordination().catch((error: unknown) => {
    if (keepsNoAgreements(error)) return undefined
    throw error
  })
  if (!coordination)
    return {
      wrong: false,
      detail: 'not compared: the broker stores messages only, and coordinationUrl is not set',
    }
  const name = `doctor:${newId()}`
  const beganMs = app.clock.now()
  const grant = await coordination.acquire(name, name, LEASE_MS)
  const endedMs = app.clock.now()
  if (!grant) throw new Error('the coordination store did not grant a lease')
  await coordination.release(name, grant.token)
  const skewMs = skewOf(grant.expiresMs - LEASE_MS, beganMs, endedMs)
  return Math.abs(skewMs) > MOST_SKEW_MS
    ? {
        wrong: true,
        detail: `the clock of ${coordination.kind} is ${Math.round(skewMs)} ms off this machine's`,
      }
    : { wrong: false, detail: `${coordination.kind} agrees within ${MOST_SKEW_MS} ms` }
}

/** Compares this machine's clock with those that workers told in their statistics; Python's workers tell none. */
export function workerClocks(
  stats: Answers<Readonly<Record<string, unknown>>>,
  askedMs: number,
  nowMs: number,
): ClockFinding {
  const off: string[] = []
  let compared = 0
  for (const [node, { now_ms: toldMs }] of Object.entries(stats)) {
    if (typeof toldMs !== 'number') continue
    compared += 1
    const skewMs = skewOf(toldMs, askedMs, nowMs)
    if (Math.abs(skewMs) > MOST_SKEW_MS)
      off.push(
        `the clock of ${node} is ${Math.abs(Math.round(skewMs / 1000))} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's`,
      )
  }
  if (off.length > 0) return { wrong: true, detail: off.join('; ') }
  const all = Object.keys(stats).length
  if (compared === 0) return { wrong: false, detail: 'no worker tells its clock' }
  const others =
    all > compared ? `, ${counted(all - compared, 'does not tell its own', 'do not tell theirs')}` : ''
  return {
    wrong: false,
    detail: `${counted(compared, 'agrees', 'agree')} within ${MOST_SKEW_MS} ms${others}`,
  }
}

/** How far a reading is outside the two readings of our own clock between which it was made. */
function skewOf(readMs: number, beganMs: number, endedMs: number): number {
  return readMs < beganMs ? readMs - beganMs : Math.max(0, readMs - endedMs)
}

import type { AppOptions, Lovage } from 'lovage'
import { createTestApp, FakeClock } from 'lovage/testing'
import { afterEach } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type OpenBeatOptions, openBeat } from '../../packages/lovage/src/beat/index.js'
import { newId } from '../../packages/lovage/src/kernel/index.js'
import { takeSent } from './sent.js'

export const START = Date.UTC(2026, 0, 1)
export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const iso = (ms: number | null | undefined) =>
  typeof ms === 'number' ? new Date(ms).toISOString() : ms

export const toClose: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one.close()
})

/** Apps of one URL are processes of one fleet, each with a clock of its own if it is given one. */
export function makeApp(options: AppOptions, clock = new FakeClock(START), broker = `memory://${newId()}`) {
  const app = createTestApp('shop', { clock, broker, ...options })
  toClose.push(app)
  return { app, clock, broker }
}

export async function startBeat(app: Lovage, clock: FakeClock, options: OpenBeatOptions = {}) {
  const opened = await openBeat(coreOf(app), { monotonicMs: () => clock.now(), ...options })
  toClose.push(opened)
  void opened.beat.run()
  await clock.advance(0)
  return opened.beat
}

export const seconds = (of: Lovage, entry = 'tick') =>
  takeSent(of).then((sent) => sent.filter((one) => one.entry === entry).length)

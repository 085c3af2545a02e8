import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectionError, chain, chord, type Lovage } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { isLovageError } from '../../packages/lovage/src/kernel/index.js'
import { autopsy } from './autopsy.js'
import { Fleet } from './fleet.js'
import { hostileMessage } from './hostile.js'
import { PLACES, type Place } from './places.js'
import { Random } from './random.js'

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60)
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 2 ** 31)
const CHOSEN = (process.env.CHAOS_BROKERS ?? Object.keys(PLACES).join()).split(',')
const WORKERS = 3
/** What is still to be done when all is well again. */
const AFTERWARDS_MS = 120_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What was sent, and what must become of it. */
interface Ledger {
  /** Task id → its value. */
  readonly tasks: Map<string, number>
  /** Names of chords whose body must run. */
  readonly chords: Set<string>
  hostile: number
}

describe.each(CHOSEN)('chaos on %s', (name) => {
  test(`loses nothing, seed ${SEED}`, { timeout: SECONDS * 1000 + AFTERWARDS_MS + 120_000 }, async () => {
    console.log(`chaos on ${name}: seed ${SEED}`)
    const random = new Random(SEED)
    const folder = mkdtempSync(join(tmpdir(), 'lovage-chaos-ledger-'))
    const bodies = join(folder, 'bodies')
    appendFileSync(bodies, '')
    const place = await (PLACES[name] ?? unknown(name))()
    const app = createTestApp('chaos', { broker: place.url, backend: place.backend })
    const fleet = new Fleet(place, bodies, random)
    const ledger: Ledger = { tasks: new Map(), chords: new Set(), hostile: 0 }
    const happened = new Map<string, number>()
    try {
      await fleet.fill(WORKERS)
      const endMs = Date.now() + (SECONDS * 1000) / CHOSEN.length
      await Promise.all([
        sendUntil(endMs, app, place, ledger, random),
        disturbUntil(endMs, place, fleet, random, happened),
      ])
      await fleet.fill(WORKERS)
      const calmMs = Date.now()
      const lost = await settled(app, ledger)
      const left = await stuck(app, place)
      const tookS = Math.round((Date.now() - calmMs) / 1000)
      const runs = bodiesOf(bodies)
      console.log(
        `chaos on ${name}: ${ledger.tasks.size} tasks, ${ledger.chords.size} chords, ${ledger.hostile} hostile messages;`,
        `${fleet.counts.killed} workers killed, ${fleet.counts.stopped} stopped; ${JSON.stringify(Object.fromEntries(happened))};`,
        `lost ${lost.length}, stuck ${left}, ${tookS} s until all was done, seed ${SEED}`,
      )
      expect(fleet.said).toBe('')
      expect(lost, await autopsy(app, place, lost)).toEqual([])
      expect(left).toBe(0)
      // A body that was killed in its run runs again under its id: one message was sent for each chord.
      expect([...runs].filter(([, ids]) => ids.size !== 1)).toEqual([])
      expect([...runs.keys()].sort()).toEqual([...ledger.chords].sort())
    } finally {
      await fleet.endAll()
      await app.close()
      await place.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

function unknown(name: string): never {
  throw new Error(`There is no ${name}; there are ${Object.keys(PLACES).join(', ')}.`)
}

/** Sends until the end, everything until it was surely taken. */
async function sendUntil(
  endMs: number,
  app: Lovage,
  place: Place,
  ledger: Ledger,
  random: Random,
): Promise<void> {
  const work = app.remote<[n: number], number>({ name: 'chaos.work', options: {} })
  const retry = app.remote<[n: number], number>({ name: 'chaos.retry', options: {} })
  const body = app.remote<[values: readonly number[], chord: string], number>({
    name: 'chaos.body',
    options: {},
  })
  for (let n = 1; Date.now() < endMs; n++) {
    const kind = random.next()
    if (kind < 0.6) await surely(async () => ledger.tasks.set((await work.delay(n)).id, 2 * n))
    else if (kind < 0.7) await surely(async () => ledger.tasks.set((await retry.delay(n)).id, 2 * n))
    else if (kind < 0.8)
      await surely(async () =>
        ledger.tasks.set((await work.applyAsync([n], { countdown: random.between(0.1, 2) })).id, 2 * n),
      )
    else if (kind < 0.85)
      await surely(async () => ledger.tasks.set((await chain(work.s(n), work.s()).delay()).id, 4 * n))
    else if (kind < 0.9) {
      const key = `chord-${n}`
      await surely(async () => {
        await chord([work.s(n), work.s(n), work.s(n)], body.s(key)).delay()
        ledger.chords.add(key)
      })
    } else {
      const raw = hostileMessage(random, n)
      await surely(async () => {
        await place.publishRaw(raw)
        ledger.hostile++
      })
    }
    await sleep(random.between(1, 15))
  }
}

/** What may or may not have been taken is not in the ledger; everything else is sent until it was taken. */
async function surely(send: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await send()
      return
    } catch (error) {
      if (isLovageError(error) && error.code === 'LVG_PUBLISH_UNCERTAIN') return
      await sleep(100)
    }
  }
}

async function disturbUntil(
  endMs: number,
  place: Place,
  fleet: Fleet,
  random: Random,
  happened: Map<string, number>,
): Promise<void> {
  const faults = Object.entries(place.faults)
  while (Date.now() < endMs) {
    await sleep(random.between(200, 1500))
    const dice = random.next()
    if (dice < 0.35) await fleet.kill()
    else if (dice < 0.45) await fleet.stopForAWhile()
    else {
      const [name, strike] = random.pick(faults)
      happened.set(name, (happened.get(name) ?? 0) + 1)
      // What strikes may be struck itself: the server has just been killed.
      await strike().catch(() => {})
    }
    await fleet.fill(WORKERS)
  }
}

/** Waits until every task has its value; tells which never got one. Tasks that were blamed for their workers' deaths are sent again. */
async function settled(app: Lovage, ledger: Ledger): Promise<readonly string[]> {
  const results = await coreOf(app).results()
  const open = new Map(ledger.tasks)
  await comesTrue(AFTERWARDS_MS, async () => {
    for (const { id, state, result } of await results.get([...open.keys()].slice(0, 500)))
      if (state === 'SUCCESS' && result === open.get(id)) open.delete(id)
    if (open.size > 0) await app.deadLetters.retry({ reason: 'worker-lost' })
    return open.size === 0
  })
  return [...open.keys()]
}

/** How much still waits, is delayed or held when all has ended. */
async function stuck(app: Lovage, place: Place): Promise<number> {
  const broker = await coreOf(app).broker()
  let left = -1
  await comesTrue(60_000, async () => {
    const depth = (await broker.depths(['celery'], { unacked: true })).get('celery')
    left = (depth?.ready ?? 0) + (depth?.delayed ?? 0) + (depth?.unacked ?? 0)
    // Looking with the server's tools costs a second.
    if (left > 0 || !place.look) return left === 0
    const looks = (await place.look()).filter(
      ({ name }) => name === 'celery' || name.includes('celery_delayed'),
    )
    left = looks.reduce((sum, { ready, unacked }) => sum + ready + unacked, 0)
    return left === 0
  })
  return left
}

/** Whether it came true in time. A server that was struck a moment ago, or is busy, may refuse some looks; the last refusal is shown. */
async function comesTrue(timeoutMs: number, look: () => Promise<boolean>): Promise<boolean> {
  const endMs = Date.now() + timeoutMs
  let refusal: unknown
  while (Date.now() < endMs) {
    try {
      if (await look()) return true
      refusal = undefined
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      refusal = error
    }
    await sleep(50)
  }
  if (refusal !== undefined) throw refusal
  return false
}

/** Chord → ids of the bodies that ran for it. */
function bodiesOf(file: string): ReadonlyMap<string, ReadonlySet<string>> {
  const runs = new Map<string, Set<string>>()
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const [chordName = '', id = ''] = line.split(' ')
    runs.set(chordName, (runs.get(chordName) ?? new Set()).add(id))
  }
  return runs
}

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lovage } from 'lovage'
import { type CrashPoint, createTestApp, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { tickId } from '../../packages/lovage/src/beat/tick-id.js'
import { openScheduleStore } from '../../packages/lovage/src/drivers/index.js'
import { startPostgres, startRedis } from '../servers.js'

const PROGRAM = fileURLToPath(new URL('beat.mjs', import.meta.url))

/** A beat in a process of its own. */
class BeatProcess {
  readonly #child: ChildProcess
  readonly exited: Promise<unknown>
  leads = false

  constructor(broker: string, crashPoint: string) {
    this.#child = fork(PROGRAM, {
      // What beats say of a server that is away is of no interest here.
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
      env: { ...process.env, BEAT_BROKER: broker, LOVAGE_CRASH_POINT: crashPoint },
    })
    this.#child.on('message', (said: { leads: boolean }) => {
      this.leads = said.leads
    })
    this.exited = once(this.#child, 'exit')
  }
  get lives(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
  async kill(): Promise<void> {
    if (this.lives) this.signal('SIGKILL')
    await this.exited
  }
}

/** Beats on one broker. */
class BeatFleet implements AsyncDisposable {
  readonly #broker: string
  beats: BeatProcess[] = []

  constructor(broker: string) {
    this.#broker = broker
  }
  start(crashPoint = ''): BeatProcess {
    const beat = new BeatProcess(this.#broker, crashPoint)
    this.beats.push(beat)
    return beat
  }
  /** The one that leads, once there is one. */
  leader(): Promise<BeatProcess> {
    return until(() => this.beats.find(({ leads, lives }) => leads && lives), {
      timeoutMs: 60_000,
      what: 'a leader',
    })
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.beats.map((beat) => beat.kill()))
  }
}

/** A server of one test, which ends with it. */
interface Server extends AsyncDisposable {
  readonly url: string
}

const servers: readonly { readonly name: string; readonly start: () => Promise<Server> }[] = [
  {
    name: 'SQLite',
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'lovage-beat-'))
      const url = `sqlite://${join(folder, 'queue.db')}`
      return { url, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
    },
  },
  { name: 'Redis', start: () => startRedis() },
  {
    name: 'PostgreSQL',
    async start() {
      const server = await startPostgres()
      return { url: server.url(), [Symbol.asyncDispose]: () => server.stop() }
    },
  },
]

const openApp = (url: string): Lovage =>
  createTestApp('fleet', {
    broker: url,
    backend: url,
    beatSchedule: { tick: { task: 'fleet.tick', schedule: 1, options: { queue: 'ticks' } } },
  })

/**
 * Looks at the queue and the schedule while no beat works: every run since the entry was made must be there once, the
 * runs that were published and not yet settled too. Tells how many there are.
 */
async function expectEveryRunOnce(app: Lovage): Promise<number> {
  const { brokerUrl, clock, logger } = coreOf(app)
  const store = await openScheduleStore(brokerUrl, 'fleet', { settings: app.conf, clock, logger })
  const [entry] = await store.load()
  await store.close()
  if (!entry) throw new Error('no beat has stored the entry')
  const { anchorMs, cursorMs, totalRunCount } = entry.state
  const expected: string[] = []
  for (let tickMs = anchorMs + 1_000; tickMs <= cursorMs; tickMs += 1_000)
    expected.push(tickId('fleet', 'tick', tickMs))
  const sent = await idsIn(app, 'ticks')
  const all = new Set(sent)
  expect(all.size, 'no run is made twice').toBe(sent.length)
  expect(
    expected.filter((id) => !all.has(id)),
    'no run is missed',
  ).toEqual([])
  expect(totalRunCount, 'every run is counted').toBe(expected.length)
  const unsettled = Array.from({ length: 10 }, (_, index) =>
    tickId('fleet', 'tick', cursorMs + (index + 1) * 1_000),
  )
  expect(sent.length - expected.length, 'and none is of another second').toBe(
    unsettled.filter((id) => all.has(id)).length,
  )
  return expected.length
}

async function idsIn(app: Lovage, queue: string): Promise<readonly string[]> {
  const { admin } = await coreOf(app).broker()
  const ids: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await admin.browse(queue, { limit: 1_000, ...(after === undefined ? {} : { after }) })
    ids.push(...page.items.map(({ id }) => id))
    if (page.next === undefined) return ids
    after = page.next
  }
}

// They wait more than they work, so servers have their turns at the same time.
describe('three beats', () => {
  test.concurrent.each(servers)(
    'on $name make every run of a one-second schedule once, though their leader is killed twenty times',
    {
      timeout: 240_000,
    },
    async ({ start }) => {
      await using server = await start()
      await using app = openApp(server.url)
      await using fleet = new BeatFleet(server.url)
      for (let count = 0; count < 3; count++) fleet.start()

      const points: readonly CrashPoint[] = [
        'beat:elected',
        'beat:before-publish',
        'beat:after-publish',
        'beat:after-advance',
      ]
      let deaths = 0
      // Where it hurts: the next leader dies at its first or third passage of a point.
      for (const [index, point] of [...points, ...points.slice(1)].entries()) {
        const leader = await fleet.leader()
        await Promise.all(fleet.beats.filter((beat) => beat !== leader).map((beat) => beat.kill()))
        const victim = fleet.start(`${point}#${index < points.length ? 1 : 3}`)
        await new Promise((resolve) => setTimeout(resolve, 400))
        await leader.kill()
        await victim.exited
        deaths += 2
        fleet.beats = []
        for (let count = 0; count < 3; count++) fleet.start()
      }
      while (deaths < 20) {
        const leader = await fleet.leader()
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_500))
        await leader.kill()
        deaths++
        fleet.start()
      }
      await fleet.leader()
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      const last = await fleet.leader()
      for (const beat of fleet.beats) if (beat !== last) await beat.kill()
      await last.kill()
      expect(await expectEveryRunOnce(app)).toBeGreaterThan(30)
    },
  )
})

describe('three beats, of which one sleeps,', () => {
  test.concurrent.each(servers)(
    'on $name agree after it slept through its lease',
    {
      timeout: 60_000,
    },
    async ({ start }) => {
      await using server = await start()
      await using app = openApp(server.url)
      await using fleet = new BeatFleet(server.url)
      fleet.start()
      const sleeper = await fleet.leader()
      fleet.start()
      fleet.start()
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      sleeper.signal('SIGSTOP')
      await until(() => fleet.beats.find((beat) => beat !== sleeper && beat.leads), { timeoutMs: 15_000 })
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      sleeper.signal('SIGCONT')
      await until(() => !sleeper.leads)
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      expect(fleet.beats.filter(({ leads }) => leads)).toHaveLength(1)
      for (const beat of fleet.beats) await beat.kill()
      expect(await expectEveryRunOnce(app)).toBeGreaterThan(4)
    },
  )
})

test('beats outlive their server: killed and back with its data, it misses no run', {
  timeout: 60_000,
}, async () => {
  await using redis = await startRedis({ appendonly: 'always' })
  await using app = openApp(redis.url)
  await using fleet = new BeatFleet(redis.url)
  fleet.start()
  fleet.start()
  await fleet.leader()
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  await redis.kill()
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  await redis.restart()
  await until(async () => (await idsIn(app, 'ticks').catch(() => [])).length >= 10, { timeoutMs: 30_000 })
  for (const beat of fleet.beats) await beat.kill()
  await expectEveryRunOnce(app)
})

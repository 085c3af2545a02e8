import { readFileSync, writeFileSync } from 'node:fs'
import type { Lovage } from 'lovage'
import { type CrashPoint, createTestApp, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'

const TASKS = 10_000
const WORKERS = 3

/** Where the producer dies, each once: in the middle of its work. */
const PRODUCER_POINTS = ['publish:before#20', 'publish:after#20'] as const
/** Where a worker dies, and at which passage. */
const WORKER_POINTS = [
  'postpone:before#1',
  'claim:after#5',
  'run:before#100',
  'run:after#100',
  'settle:before#5',
  'settle:after-continuation#5',
  'settle:after-result#5',
  'settle:after-ack#5',
  'promote:after#1',
  'restore:after#1',
] as const satisfies readonly `${CrashPoint}#${number}`[]

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('fleet', {
  brokerLease: 2,
  // Half of the delayed calls arrive as Celery sends them, for the worker to postpone.
  middleware: [{
    name: 'as Celery',
    publish: (context, next) => next({
      ...context,
      messages: context.messages.map(({ dueMs, ...message }) =>
        dueMs === undefined || String(message.headers.id).endsWith('51') ? message : { ...message, dueMs }),
    }),
  }],
})
const place = new URL('./runs.txt', import.meta.url)
app.task({
  name: 'fleet.work',
  run: async (ctx, n: number) => {
    await new Promise((resolve) => setImmediate(resolve))
    // One in ten goes on as a retry, so that there are continuations to lose.
    if (n % 10 === 0 && ctx.retries === 0) throw ctx.retry({ countdown: n % 20 === 0 ? 0.2 : 0 })
    appendFileSync(place, n + '\\n')
    return n * 2
  },
})`

/** Sends what was not sent yet, as a service with an outbox does: what it has noted is sent, what it has not may be. */
const PRODUCER = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { app } from './app.js'
const noted = './sent.txt'
let next = existsSync(noted) ? Number(readFileSync(noted, 'utf8')) : 0
const id = (n) => '00000000-0000-4000-8000-' + String(n).padStart(12, '0')
for (; next < ${TASKS} || !existsSync('./enough.txt'); next += 100) {
  // Work must not run out before every point was passed.
  if (next >= ${TASKS}) await new Promise((resolve) => setTimeout(resolve, 100))
  const numbers = Array.from({ length: 100 }, (_, at) => next + at)
  await Promise.all(numbers.map((n) => app.sendTask('fleet.work', {
    args: [n], taskId: id(n), ...(n % 50 === 1 ? { countdown: 0.5 } : {}),
  })))
  writeFileSync(noted, String(next + 100))
}
await app.close()`

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

test(`a producer and ${WORKERS} workers on one file, killed at every point and at random, finish ${TASKS} tasks`, {
  timeout: 180_000,
}, async () => {
  const seed = Date.now()
  console.log(`seed ${seed}`)
  const random = seeded(seed)
  using project = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP, 'producer.ts': PRODUCER })
  const cwd = project.folder
  await using app = createTestApp('fleet', { broker: `sqlite://${cwd}/.lovage/queue.db` })

  const died = new Set<string>()
  const producing = produce(cwd, died)
  await until(() => sentIn(cwd) > 0)
  const fleet = new Fleet(cwd, random, died)
  try {
    const enough = (): void => writeFileSync(project.path('enough.txt'), '')
    await Promise.all([producing, fleet.dieEverywhere().finally(enough)])
    fleet.keepUp()
    await everyTaskIsDone(app, sentIn(cwd))
  } finally {
    await fleet.close()
  }

  expect([...died].sort()).toEqual([...PRODUCER_POINTS, ...WORKER_POINTS].sort())
  const runs = readFileSync(project.path('runs.txt'), 'utf8').trim().split('\n')
  const sent = sentIn(cwd)
  expect(sent).toBeGreaterThanOrEqual(TASKS)
  expect(new Set(runs).size).toBe(sent)
  console.log(`${sent} tasks, ${runs.length - sent} runs repeated, ${fleet.kills} workers killed`)
  expect((await (await coreOf(app).broker()).deadLetters.list({})).items).toEqual([])
})

const sentIn = (cwd: string): number => {
  try {
    return Number(readFileSync(`${cwd}/sent.txt`, 'utf8'))
  } catch {
    return 0
  }
}

/** Runs the producer again and again, until one lives to the end. */
async function produce(cwd: string, died: Set<string>): Promise<void> {
  // The app loads the TypeScript; the loader is what the command line uses too.
  const loader = new URL('../../packages/lovage/dist/loader/typescript/register.js', import.meta.url).href
  for (const point of [...PRODUCER_POINTS, '']) {
    const env = { LOVAGE_CRASH_POINT: point }
    const { code, stderr } = await run(process.execPath, ['--import', loader, 'producer.ts'], { cwd, env })
    if (point === '') expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    else if (code === null) died.add(point)
  }
}

/** Workers that are replaced as they die. */
class Fleet {
  readonly #cwd: string
  readonly #random: () => number
  readonly #died: Set<string>
  readonly #points: string[] = [...WORKER_POINTS]
  readonly #running = new Set<Command>()
  #left = WORKER_POINTS.length
  #isClosing = false
  #kills = 0

  constructor(cwd: string, random: () => number, died: Set<string>) {
    this.#cwd = cwd
    this.#random = random
    this.#died = died
  }

  get kills(): number {
    return this.#kills
  }

  /** Resolves when a worker has died at each point; others are killed at random meanwhile. */
  async dieEverywhere(): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, (_, place) => this.#lives(place)))
  }

  /** No more kills: three workers that live. */
  keepUp(): void {
    for (let place = 0; place < WORKERS; place++) this.#start('', place)
  }

  async close(): Promise<void> {
    this.#isClosing = true
    for (const worker of this.#running) worker.signal('SIGKILL')
    await Promise.all([...this.#running].map((worker) => worker.exited))
  }

  /** One place in the fleet: a worker that dies at the next point, then one that is killed at a random moment, and so on. */
  async #lives(place: number): Promise<void> {
    // To the last point of all places: the others' deaths are what there is to restore.
    while (this.#left > 0 && !this.#isClosing) {
      const point = this.#points.shift()
      if (point !== undefined) {
        const ended = await this.#start(point, place).exited
        this.#kills++
        this.#left--
        if (ended === 'SIGKILL' && !this.#isClosing) this.#died.add(point)
      }
      const other = this.#start('', place)
      await new Promise((resolve) => setTimeout(resolve, 300 + this.#random() * 700))
      other.signal('SIGKILL')
      await other.exited
      this.#kills++
    }
  }

  #start(point: string, place: number): Command {
    const worker = new Command(['-A', 'app', 'worker', '-c', '20', '-n', `w${place}@%h`], {
      cwd: this.#cwd,
      env: {
        LOVAGE_CRASH_POINT: point,
      },
    })
    this.#running.add(worker)
    void worker.exited.then(() => this.#running.delete(worker))
    return worker
  }
}

async function everyTaskIsDone(app: Lovage, sent: number): Promise<void> {
  const backend = await coreOf(app).results()
  const left = new Set(Array.from({ length: sent }, (_, n) => idOf(n)))
  await until(
    async () => {
      for (const { id, state } of await backend.get([...left].slice(0, 2000)))
        if (state === 'SUCCESS') left.delete(id)
      return left.size === 0
    },
    { timeoutMs: 120_000, what: 'every task to succeed' },
  )
  const broker = await coreOf(app).broker()
  await until(
    async () => {
      const depth = (await broker.depths(['celery'])).get('celery')
      return depth?.ready === 0 && depth.delayed === 0 && depth.unacked === 0
    },
    { what: 'an empty queue' },
  )
}

/** Random numbers whose seed is printed, so that a failure can be repeated (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

import type { Lovage, Timer } from 'lovage'
import { connectionsOf } from 'lovage/driver'
import type { Gap } from '../history/gap.js'
import type { HistoryStore } from '../history/history-store.js'
import type { TaskRecord } from '../history/task-record.js'
import type { SearchNode } from '../search/search-node.js'
import { ofLetter, ofQueued, ofResult } from './found-records.js'
import type { Intake } from './intake.js'

/** The most items examined in each place. */
const MOST_LETTERS = 5_000
const MOST_QUEUED = 5_000
const MOST_OPEN = 100_000
const ASKED_AT_ONCE = 500
/** Searches without a find before the look back ends: open tasks are rarely that far from each other. */
const EMPTY_SEARCHES = 10
/** How long a started task is without events before it is looked up in the results, and how often. */
const QUIET_MS = 60_000
const LOOK_MS = 30_000
const MOST_LOOKED_UP = 2_000

const UNFINISHED: SearchNode = {
  kind: 'or',
  of: ['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'PROGRESS'].map((value) => ({
    kind: 'term',
    field: 'state',
    relation: 'is',
    value,
  })),
}

/** Fills gaps in the history from other sources: queues, dead letters, results. */
export class Filling {
  readonly #app: Lovage
  readonly #store: HistoryStore
  readonly #intake: Intake
  #timer: Timer | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(app: Lovage, store: HistoryStore, intake: Intake) {
    this.#app = app
    this.#store = store
    this.#intake = intake
  }

  start(): void {
    this.#timer = this.#app.clock.setTimer(() => {
      this.#soon(async () => {
        await this.#results(this.#app.clock.now() - QUIET_MS, MOST_LOOKED_UP)
      })
      this.start()
    }, LOOK_MS)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Searches queues, dead letters and results for tasks in a gap, and records how many were found. */
  fill(gap: Gap): void {
    this.#soon(async () => {
      const found = [
        await this.#tried(() => this.#letters(gap.fromMs)),
        await this.#tried(() => this.#queues()),
        await this.#tried(() => this.#results(this.#app.clock.now(), MOST_OPEN)),
      ]
      await this.#intake.flush()
      await this.#store.putGap({ ...gap, filled: found.reduce((sum, count) => sum + count, 0) })
    })
  }

  /** Runs work one after the other. */
  #soon(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch((error: unknown) => {
      this.#app.logger.warn({ err: error }, 'a gap in the history could not be filled')
    })
  }

  async #tried(work: () => Promise<number>): Promise<number> {
    try {
      return await work()
    } catch (error) {
      this.#app.logger.info({ err: error }, 'a source for filling gaps cannot be reached')
      return 0
    }
  }

  async #letters(fromMs: number): Promise<number> {
    const records: TaskRecord[] = []
    for await (const letter of this.#app.deadLetters.each()) {
      if (letter.failedMs < fromMs || records.length >= MOST_LETTERS) break
      if (letter.taskId !== null) records.push(ofLetter(letter, letter.taskId))
    }
    return this.#put(records)
  }

  async #queues(): Promise<number> {
    const records: TaskRecord[] = []
    const broker = await connectionsOf(this.#app).broker()
    if (!broker.capabilities.browsing) return 0
    for (const { name, ready, delayed = 0, unacked = 0 } of await this.#app.queues.report()) {
      if (ready + delayed + unacked === 0) continue
      for await (const task of this.#app.queues.each(name)) {
        if (records.length >= MOST_QUEUED) break
        records.push(ofQueued(task))
      }
    }
    return this.#put(records)
  }

  /** Looks up the results of tasks that are unfinished in the history, and quiet since `beforeMs`: the newest `most` of them. */
  async #results(beforeMs: number, most: number): Promise<number> {
    if (!connectionsOf(this.#app).hasResults) return 0
    const backend = await connectionsOf(this.#app).results()
    let filled = 0
    let before: number | undefined
    let empty = 0
    for (let looked = 0; looked < most && empty < EMPTY_SEARCHES; ) {
      const { items, next } = await this.#store.tasks({
        plan: { node: UNFINISHED },
        limit: ASKED_AT_ONCE,
        ...(before === undefined ? {} : { before }),
      })
      looked += items.length
      empty = items.length === 0 ? empty + 1 : 0
      const open = items.filter(({ changedMs, seenMs }) => Math.max(changedMs, seenMs) <= beforeMs)
      if (open.length > 0) {
        const results = await backend.get(open.map(({ id }) => id))
        const states = new Map(open.map(({ id, state }) => [id, state]))
        const news = results.filter(({ id, state }) => state !== 'PENDING' && state !== states.get(id))
        filled += await this.#put(news.map(ofResult), true)
      }
      if (next === undefined) break
      before = next
    }
    return filled
  }

  /** Adds only tasks missing from the history, unless the records are news of known ones. */
  async #put(records: readonly TaskRecord[], isNews = false): Promise<number> {
    let filled = 0
    for (let at = 0; at < records.length; at += ASKED_AT_ONCE) {
      const some = records.slice(at, at + ASKED_AT_ONCE)
      const known = isNews
        ? new Set<string>()
        : new Set((await this.#store.find(some.map(({ id }) => id))).map(({ id }) => id))
      for (const record of some) {
        if (known.has(record.id)) continue
        this.#intake.gathering.put(record)
        filled++
      }
      await this.#intake.flush()
    }
    return filled
  }
}

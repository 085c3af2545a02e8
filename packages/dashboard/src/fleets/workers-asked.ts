import type { Lovage } from 'lovage'

/** A worker's latest answers, by question. */
export interface WorkerAnswers {
  readonly stats?: Readonly<Record<string, unknown>>
  readonly active_queues?: readonly Readonly<Record<string, unknown>>[]
  readonly registered?: readonly string[]
  readonly scheduled?: readonly unknown[]
  readonly active?: readonly unknown[]
  readonly reserved?: readonly unknown[]
  readonly revoked?: readonly string[]
  readonly conf?: Readonly<Record<string, unknown>>
  /** Unix seconds, as in Flower. */
  readonly timestamp: number
}

/** Flower's inspect questions. */
export const QUESTIONS = [
  'stats',
  'active_queues',
  'registered',
  'scheduled',
  'active',
  'reserved',
  'revoked',
  'conf',
] as const
export type Question = (typeof QUESTIONS)[number]

/** How long answers are cached; many open pages ask only once. */
const FRESH_MS = 5_000
/** The most workers whose answers are kept. */
const MOST = 5_000

/** Asks workers at limited intervals, and caches their answers. */
export class WorkersAsked {
  readonly #app: Lovage
  readonly #timeoutMs: number
  readonly #alive: () => number
  readonly #answers = new Map<string, WorkerAnswers>()
  readonly #asked = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>()

  /** @param alive The number of live workers: once all have answered, waiting ends. */
  constructor(app: Lovage, timeoutMs: number, alive: () => number) {
    this.#app = app
    this.#alive = alive
    this.#timeoutMs = timeoutMs
  }

  /** All workers' answers so far, by name. */
  get known(): ReadonlyMap<string, WorkerAnswers> {
    return this.#answers
  }

  /** Asks the questions not asked recently. @throws What the broker throws. */
  async ask(questions: readonly Question[], destination?: string, isForced = false): Promise<void> {
    await Promise.all(questions.map((question) => this.#askOne(question, destination, isForced)))
  }

  #askOne(question: Question, destination: string | undefined, isForced: boolean): Promise<void> {
    const key = `${question} ${destination ?? ''}`
    const nowMs = this.#app.clock.now()
    const known = this.#asked.get(key) ?? this.#asked.get(`${question} `)
    if (known && !isForced && nowMs - known.atMs < FRESH_MS) return known.done
    const done = this.#fetch(question, destination)
    this.#asked.set(key, { atMs: nowMs, done })
    // After a failure, the next caller tries again.
    done.catch(() => this.#asked.delete(key))
    return done
  }

  async #fetch(question: Question, destination: string | undefined): Promise<void> {
    const limit = this.#alive()
    const inspect = this.#app.control.inspect({
      timeout: this.#timeoutMs / 1000,
      ...(limit > 0 && destination === undefined ? { limit } : {}),
      ...(destination === undefined ? {} : { destination }),
    })
    const answers = await inspect.command(question, question === 'conf' ? { with_defaults: false } : {})
    const timestamp = this.#app.clock.now() / 1000
    for (const [name, answer] of Object.entries(answers)) {
      if (isError(answer)) continue
      if (!this.#answers.has(name) && this.#answers.size >= MOST) return
      // The expected form, or whatever another node sent: readers check what they use.
      this.#answers.set(name, { ...this.#answers.get(name), [question]: answer, timestamp } as WorkerAnswers)
    }
  }
}

const isError = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && !Array.isArray(answer) && 'error' in answer

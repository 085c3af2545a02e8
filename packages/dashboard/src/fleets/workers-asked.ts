import type { Lovage } from 'lovage'

/** What a worker answered last, by the name of the question. */
export interface WorkerAnswers {
  readonly stats?: Readonly<Record<string, unknown>>
  readonly active_queues?: readonly Readonly<Record<string, unknown>>[]
  readonly registered?: readonly string[]
  readonly scheduled?: readonly unknown[]
  readonly active?: readonly unknown[]
  readonly reserved?: readonly unknown[]
  readonly revoked?: readonly string[]
  readonly conf?: Readonly<Record<string, unknown>>
  /** Unix seconds, as Flower says it. */
  readonly timestamp: number
}

/** The questions that Flower asks. */
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

/** Answers are good for so long; many pages that are open ask once. */
const FRESH_MS = 5_000
/** Workers whose answers are kept. */
const MOST = 5_000

/** Asks workers, at most once in a while, and remembers what they said. */
export class WorkersAsked {
  readonly #app: Lovage
  readonly #timeoutMs: number
  readonly #alive: () => number
  readonly #answers = new Map<string, WorkerAnswers>()
  readonly #asked = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>()

  /** @param alive How many workers are known to live: when all of them have answered, nobody waits for more. */
  constructor(app: Lovage, timeoutMs: number, alive: () => number) {
    this.#app = app
    this.#alive = alive
    this.#timeoutMs = timeoutMs
  }

  /** What all workers have answered so far, by name. */
  get known(): ReadonlyMap<string, WorkerAnswers> {
    return this.#answers
  }

  /** Asks what was not asked lately. @throws What the broker throws. */
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
    // Who asks next after a failure tries again.
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
      // The question's own form, or whatever another node thinks it is: readers check what they use.
      this.#answers.set(name, { ...this.#answers.get(name), [question]: answer, timestamp } as WorkerAnswers)
    }
  }
}

const isError = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && !Array.isArray(answer) && 'error' in answer

/**
 * Collects single requests into batches: while the maximum number of batches is in flight, requests wait for the next one. A lone request
 * is sent at once.
 */
export class Batcher<Question, Answer> {
  readonly #ask: (questions: readonly Question[]) => Promise<readonly Answer[]>
  readonly #maxSize: number
  readonly #maxUnderWay: number
  #waiting: { question: Question; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = []
  #underWay = 0
  #isScheduled = false

  /** `ask` returns an answer for each question, in order. */
  constructor(
    ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
    options: { readonly maxSize?: number; readonly maxUnderWay?: number } = {},
  ) {
    this.#ask = ask
    this.#maxSize = options.maxSize ?? 200
    // Batches of deliveries to one endpoint wait for each other's lock: one larger batch does more than two small ones.
    this.#maxUnderWay = options.maxUnderWay ?? 1
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject })
      if (this.#isScheduled || this.#underWay >= this.#maxUnderWay) return
      this.#isScheduled = true
      // Requests in the same turn of the event loop go together.
      setImmediate(() => {
        this.#isScheduled = false
        this.#next()
      })
    })
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#underWay < this.#maxUnderWay) {
      const batch = this.#waiting.splice(0, this.#maxSize)
      this.#underWay += 1
      this.#ask(batch.map(({ question }) => question))
        .then(
          (answers) => {
            for (const [index, { resolve, reject }] of batch.entries())
              if (index < answers.length) resolve(answers[index] as Answer)
              else reject(new Error('a batch was answered in part'))
          },
          (error: unknown) => {
            for (const { reject } of batch) reject(error)
          },
        )
        .finally(() => {
          this.#underWay -= 1
          this.#next()
        })
    }
  }
}

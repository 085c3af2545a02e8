/**
 * Gathers what is asked for one by one into batches: while as many batches are under way as may be, what is asked waits for the next one. A
 * lone question is asked at once.
 */
export class Batcher<Question, Answer> {
  readonly #ask: (questions: readonly Question[]) => Promise<readonly Answer[]>
  readonly #maxSize: number
  readonly #maxUnderWay: number
  #waiting: { question: Question; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = []
  #underWay = 0
  #isScheduled = false

  /** `ask` gives an answer for each question, in their order. */
  constructor(
    ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
    options: { readonly maxSize?: number; readonly maxUnderWay?: number } = {},
  ) {
    this.#ask = ask
    this.#maxSize = options.maxSize ?? 200
    this.#maxUnderWay = options.maxUnderWay ?? 2
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject })
      if (this.#isScheduled || this.#underWay >= this.#maxUnderWay) return
      this.#isScheduled = true
      // What is asked in the same turn goes together.
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

import type { Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'

/** Two apps whose workers do the task `work`, and note its argument when they have. */
export class TwoWorkers {
  readonly ran = new Set<number>()
  readonly #endings: (() => Promise<unknown>)[] = []

  static async start(openApp: () => Lovage): Promise<TwoWorkers> {
    const both = new TwoWorkers()
    await Promise.all([both.#start(openApp()), both.#start(openApp())])
    return both
  }

  async #start(app: Lovage): Promise<void> {
    app.task({
      name: 'work',
      run: async (_ctx, n: number) => {
        await new Promise((resolve) => setTimeout(resolve, 2))
        this.ran.add(n)
        return n
      },
    })
    const worker = await startTestWorker(app, { concurrency: 4 })
    this.#endings.push(async () => {
      await worker.stop()
      await app.close()
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#endings.splice(0).map((end) => end()))
  }
}
